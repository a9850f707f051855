/* A file that appears under its name only when it is whole: a temporary neighbour is written,
 * synced and renamed over it. */
#ifndef M2C_MODEL_WHOLE_FILE_H
#define M2C_MODEL_WHOLE_FILE_H

#include <stdio.h>

#include "status.h"

struct m2c_whole_file {
    FILE *stream; /* write here; NULL when nothing is open */
    char *path, *temporary;
};

/* Opens the temporary neighbour of `path`. The place must be free or hold a regular file, so that
 * a rename never replaces a device or a folder: M2C_IO_FAILED otherwise. The caller abandons
 * it in the end. */
M2C_MUST_USE enum m2c_status m2c_whole_file_open(const char *path, struct m2c_whole_file *out,
                                                 struct m2c_error *err);

/* Adds bytes; M2C_IO_FAILED on a full disk and the like. */
M2C_MUST_USE enum m2c_status m2c_whole_file_write(struct m2c_whole_file *file, const void *bytes,
                                                  size_t size, struct m2c_error *err);

/* Flushes, syncs, renames and closes. On failure the temporary file is gone and the name holds what
 * it held before. */
M2C_MUST_USE enum m2c_status m2c_whole_file_finish(struct m2c_whole_file *file,
                                                   struct m2c_error *err);

/* Removes the temporary file if there is one and frees the names: call it in any case. Safe on a
 * zeroed struct. */
void m2c_whole_file_abandon(struct m2c_whole_file *file);

/* All of it for a text that is at hand. */
M2C_MUST_USE enum m2c_status m2c_whole_file_put(const char *path, const void *bytes, size_t size,
                                                struct m2c_error *err);

#endif
