/* The small tokenizer of a model that is made without one (m2c_tokenizer_write_bytes). */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "text/byte_symbols.h"
#include "text/tokenizer.h"

/* Ranked merges; every part is a byte symbol or the result of an earlier line. */
static const char *const merges[][2] = {
    {"t", "h"},          {"th", "e</w>"}, {"i", "n"},      {"in", "g</w>"},   {"a", "n"},
    {"e", "r"},          {"r", "e"},      {"o", "n"},      {"a", "t"},        {"o", "r"},
    {"e", "n"},          {"a", "r"},      {"s", "t"},      {"l", "i"},        {"l", "e"},
    {"a", "l"},          {"i", "s"},      {"o", "u"},      {"c", "h"},        {"s", "h"},
    {"p", "l"},          {"t", "r"},      {"r", "o"},      {"r", "i"},        {"c", "o"},
    {"u", "n"},          {"i", "c"},      {"d", "e"},      {"e", "s</w>"},    {"e", "r</w>"},
    {"e", "d</w>"},      {"o", "f</w>"},  {"an", "d</w>"}, {"o", "n</w>"},    {"i", "n</w>"},
    {"v", "i"},          {"vi", "de"},    {"pl", "a"},     {"vide", "o</w>"}, {"pla", "y"},
    {"play", "ing</w>"},
};

enum { MERGE_COUNT = sizeof merges / sizeof merges[0] };

static bool add_symbol(json_t *vocabulary, const char *first, const char *second)
{
    char symbol[64];
    int length = snprintf(symbol, sizeof symbol, "%s%s", first, second);
    if (length < 0 || (size_t)length >= sizeof symbol)
        return false;
    json_int_t id = (json_int_t)json_object_size(vocabulary);
    return json_object_set_new(vocabulary, symbol, json_integer(id)) == 0;
}

/* CLIP's own order: byte symbols, byte symbols at a word's end, merges, start, end. */
static bool add_all_symbols(json_t *vocabulary)
{
    struct m2c_byte_symbol symbols[256];
    m2c_byte_symbols(symbols);
    bool added = true;
    for (size_t i = 0; i < 256; ++i)
        added = added && add_symbol(vocabulary, symbols[i].text, "");
    for (size_t i = 0; i < 256; ++i)
        added = added && add_symbol(vocabulary, symbols[i].text, M2C_WORD_END);
    for (size_t i = 0; i < MERGE_COUNT; ++i)
        added = added && add_symbol(vocabulary, merges[i][0], merges[i][1]);
    return added && add_symbol(vocabulary, M2C_START_TOKEN, "") &&
           add_symbol(vocabulary, M2C_END_TOKEN, "");
}

static bool write_vocabulary(FILE *file, const void *vocabulary)
{
    return json_dumpf(vocabulary, file, 0) == 0;
}

static bool write_merges(FILE *file, const void *unused)
{
    (void)unused;
    bool written = fputs("#version: 0.2\n", file) >= 0;
    for (size_t i = 0; i < MERGE_COUNT; ++i)
        written = written && fprintf(file, "%s %s\n", merges[i][0], merges[i][1]) > 0;
    return written;
}

static enum m2c_status write_file(const char *dir, const char *name,
                                  bool (*write)(FILE *, const void *), const void *content,
                                  struct m2c_error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return m2c_fail(err, M2C_IO_FAILED, "the path of %s is too long", name);
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return m2c_fail_errno(err, "creating a tokenizer file", path);
    bool written = write(file, content);
    int write_errno = errno;
    bool closed = fclose(file) == 0;
    if (!written)
        errno = write_errno;
    if (!written || !closed)
        return m2c_fail_errno(err, "writing a tokenizer file", path);
    return M2C_OK;
}

enum m2c_status m2c_tokenizer_write_bytes(const char *dir, int *vocabulary, struct m2c_error *err)
{
    enum m2c_status status;
    json_t *symbols = json_object();
    if (symbols == NULL || !add_all_symbols(symbols)) {
        status = m2c_fail(err, M2C_NO_MEMORY, "no memory for a vocabulary");
        goto out;
    }
    status = write_file(dir, "vocab.json", write_vocabulary, symbols, err);
    if (status == M2C_OK)
        status = write_file(dir, "merges.txt", write_merges, NULL, err);
    if (status == M2C_OK)
        *vocabulary = (int)json_object_size(symbols);
out:
    json_decref(symbols);
    return status;
}
