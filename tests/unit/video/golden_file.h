/* Reads the F32 tensors of a small safetensors file, for tests. */
#ifndef M2C_TEST_GOLDEN_FILE_H
#define M2C_TEST_GOLDEN_FILE_H

#include <stddef.h>
#include <stdint.h>

struct golden_file {
    uint8_t *bytes;
    size_t size;
};

/* The whole file, NUL-terminated beyond its size; bytes is NULL if it cannot be read. The caller
 * frees bytes. */
struct golden_file golden_file_read(const char *path);

/* Copies tensor "`prefix`.`suffix`" into a new array of *count floats; NULL if it is not there. */
float *golden_tensor(const struct golden_file *file, const char *prefix, const char *suffix,
                     size_t *count);

#endif
