/* Where results go and in which form: table, JSON lines, CSV or WebVTT; stdout or a file. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include <stdio.h>

#include "cli/arguments.h"
#include "proto/json_writer.h"

enum cli_format { CLI_TABLE, CLI_JSONL, CLI_CSV, CLI_VTT };

struct cli_output {
    FILE *stream;
    enum cli_format format;
    const char *path; /* NULL: stdout */
    size_t rows;      /* written so far: a CSV header comes before the first */
    size_t dim;       /* of the vectors that rows will hold: set by who writes embeddings */
};

/* Appends --format, --json and -o/--output. */
void cli_output_options(struct cli_option_list *list);

/* Opens the file, or takes stdout. `has_vtt`: the results can be WebVTT. A wrong format is
 * M2C_USAGE. Close in any case. */
M2C_MUST_USE enum m2c_status cli_output_open(struct cli_output *output,
                                             const struct cli_arguments *arguments, bool has_vtt,
                                             struct m2c_error *err);

/* Flushes and closes; a full disk or a closed pipe is M2C_IO_FAILED. Safe on a zeroed struct. */
M2C_MUST_USE enum m2c_status cli_output_close(struct cli_output *output, struct m2c_error *err);

/* Writes what is in the writer and empties it; JSON is a document and a line break. */
M2C_MUST_USE enum m2c_status cli_output_text(struct cli_output *output, struct proto_writer *writer,
                                             struct m2c_error *err);
M2C_MUST_USE enum m2c_status cli_output_json(struct cli_output *output, struct proto_writer *writer,
                                             struct m2c_error *err);

/* A CSV field, quoted where RFC 4180 asks for it; NULL is empty. */
void cli_csv_text(FILE *stream, const char *text);

/* "[2/10] name" on stderr, where that is a terminal; `count` 1 or less shows nothing. Clear ends
 * the line. */
void cli_progress_show(size_t done, size_t count, const char *name);
void cli_progress_clear(size_t count);

#endif
