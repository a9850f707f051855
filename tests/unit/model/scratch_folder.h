/* A temporary folder of a test's own, and files in it. Whatever fails ends the test. */
#ifndef M2C_TEST_SCRATCH_FOLDER_H
#define M2C_TEST_SCRATCH_FOLDER_H

#include <stddef.h>

struct scratch {
    char dir[256];
};

void scratch_make(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);

/* A path inside, in static storage until the eighth call after. */
const char *scratch_path(const struct scratch *scratch, const char *name);

void scratch_put(const struct scratch *scratch, const char *name, const void *bytes, size_t size);
void scratch_put_text(const struct scratch *scratch, const char *name, const char *text);
void scratch_subfolder(const struct scratch *scratch, const char *name);

/* A new block "length, header, data bytes" for safetensors readers: data counts 0, 1, 2, ... */
unsigned char *scratch_safetensors(const char *header, size_t data_bytes, size_t *size);

/* The same, put into the folder. */
void scratch_put_safetensors(const struct scratch *scratch, const char *name, const char *header,
                             size_t data_bytes);

/* A file's bytes, new, with a NUL behind them. */
char *scratch_read(const char *path, size_t *size);

#endif
