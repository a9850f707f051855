#include "scratch_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void scratch_make(struct scratch *scratch)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(scratch->dir, sizeof scratch->dir, "%s/m2c-model-XXXXXX",
                     base && base[0] ? base : "/tmp");
    assert_in_range(n, 1, sizeof scratch->dir - 1);
    assert_non_null(mkdtemp(scratch->dir));
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *walk)
{
    (void)facts;
    (void)kind;
    (void)walk;
    return remove(path);
}

void scratch_remove(struct scratch *scratch)
{
    (void)nftw(scratch->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const struct scratch *scratch, const char *name)
{
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    int n = snprintf(path, sizeof paths[0], "%s/%s", scratch->dir, name);
    assert_in_range(n, 1, sizeof paths[0] - 1);
    return path;
}

void scratch_put(const struct scratch *scratch, const char *name, const void *bytes, size_t size)
{
    FILE *file = fopen(scratch_path(scratch, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

void scratch_put_text(const struct scratch *scratch, const char *name, const char *text)
{
    scratch_put(scratch, name, text, strlen(text));
}

void scratch_subfolder(const struct scratch *scratch, const char *name)
{
    assert_int_equal(mkdir(scratch_path(scratch, name), 0777), 0);
}

unsigned char *scratch_safetensors(const char *header, size_t data_bytes, size_t *size)
{
    size_t length = strlen(header);
    *size = 8 + length + data_bytes;
    unsigned char *block = malloc(*size);
    assert_non_null(block);
    for (unsigned i = 0; i < 8; i++)
        block[i] = (unsigned char)((uint64_t)length >> (8 * i));
    memcpy(block + 8, header, length);
    for (size_t i = 0; i < data_bytes; i++)
        block[8 + length + i] = (unsigned char)(i % 100);
    return block;
}

void scratch_put_safetensors(const struct scratch *scratch, const char *name, const char *header,
                             size_t data_bytes)
{
    size_t size;
    unsigned char *block = scratch_safetensors(header, data_bytes, &size);
    scratch_put(scratch, name, block, size);
    free(block);
}

char *scratch_read(const char *path, size_t *size)
{
    struct stat facts;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &facts), 0);
    *size = (size_t)facts.st_size;
    char *bytes = malloc(*size + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    bytes[*size] = '\0';
    assert_int_equal(fclose(file), 0);
    return bytes;
}
