/* From the words on the command line to a flat list of videos. */
#ifndef CLI_INPUTS_H
#define CLI_INPUTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/arguments.h"

/* Paths, URLs and "-", owned. Zeroed is empty. */
struct cli_inputs {
    char **items;
    size_t count, capacity;
};

/* Expands the inputs of a command: a folder becomes the video files below it (by their names'
 * endings, hidden ones left out) in the order of their paths, @LIST the lines of a file, each of
 * them a file, a folder, - or a URL. What cannot be read stays in the list as it is and fails when
 * it is opened, so that the rest goes on. Only memory can fail here. Destroy in any case. */
M2C_MUST_USE enum m2c_status cli_inputs_expand(const struct cli_arguments *arguments,
                                               struct cli_inputs *inputs, struct m2c_error *err);
void cli_inputs_destroy(struct cli_inputs *inputs);

/* Whether a word is a URL: a scheme, then "://". */
bool cli_is_url(const char *word);

/* The bytes of one input. */
struct cli_video_file {
    const uint8_t *bytes; /* NULL where size is 0 */
    size_t size;
    void *mapping; /* of size bytes, or NULL */
    uint8_t *heap; /* or NULL */
};

/* Maps a regular file, reads stdin or a pipe (at most 512 MiB). M2C_IO_FAILED with the system's
 * reason; M2C_URL_FETCH_DISABLED for a URL. Close in any case. */
M2C_MUST_USE enum m2c_status cli_video_file_open(const char *input, struct cli_video_file *file,
                                                 struct m2c_error *err);
void cli_video_file_close(struct cli_video_file *file);

#endif
