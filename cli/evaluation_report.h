/* What an evaluation says at its end: a table or a JSON object, and the files of its folder. */
#ifndef CLI_EVALUATION_REPORT_H
#define CLI_EVALUATION_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "cli/evaluation_log.h"

struct cli_evaluation_report {
    const char *data;                       /* the list's path */
    const char *model;                      /* name of the set; NULL with a server */
    const char *model_version;              /* NULL with a server */
    const char *url;                        /* NULL without one */
    const char *const *names;               /* of the labels [K] */
    struct cli_evaluation heads[CLI_HEADS]; /* `classes` K; `clips` 0: not evaluated */
    size_t clips;                           /* evaluated, earlier runs included */
    size_t failed;                          /* that could not be */
    size_t skipped_lines;                   /* of the list, that name no clip */
    double clips_per_s;                     /* of this run; 0 where it judged none */
    double decode_ms, encode_ms; /* mean a clip; with a server encode_ms is the answers' time */
};

/* Prints totals and a row a class that has clips. The caller checks the stream. */
void cli_evaluation_table(FILE *stream, const struct cli_evaluation_report *report);

/* Writes the object with a line break; a full disk is M2C_IO_FAILED. */
M2C_MUST_USE enum m2c_status cli_evaluation_json(FILE *stream,
                                                 const struct cli_evaluation_report *report,
                                                 struct m2c_error *err);

/* Writes figures.json, classes.csv, and confusion_<head>.svg and .csv of each head that was
 * evaluated, over what is there. */
M2C_MUST_USE enum m2c_status cli_evaluation_files(const char *folder,
                                                  const struct cli_evaluation_report *report,
                                                  struct m2c_error *err);

#endif
