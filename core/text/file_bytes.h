/* A whole file in memory, of a bounded size, or its absence. */
#ifndef M2C_TEXT_FILE_BYTES_H
#define M2C_TEXT_FILE_BYTES_H

#include <stddef.h>

#include "status.h"

struct m2c_file_bytes {
    char *bytes; /* NULL when there is no such file; else NUL-terminated beyond `size` */
    size_t size;
};

/* Reads DIR/NAME, symbolic links followed. No such file is M2C_OK with `bytes` NULL. M2C_BAD_MODEL
 * when it is not a regular file or larger than `limit_bytes`; M2C_IO_FAILED when it cannot be read.
 * The caller frees with m2c_file_bytes_free. Any thread. */
M2C_MUST_USE enum m2c_status m2c_file_bytes_read(const char *dir, const char *name,
                                                 size_t limit_bytes, struct m2c_file_bytes *out,
                                                 struct m2c_error *err);

void m2c_file_bytes_free(struct m2c_file_bytes *file);

#endif
