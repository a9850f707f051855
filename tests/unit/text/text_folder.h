/* Temporary folders and one small vocabulary in every file form, for the tests of core/text. */
#ifndef M2C_TESTS_TEXT_FOLDER_H
#define M2C_TESTS_TEXT_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

enum { TEXT_FOLDER_PATH = 256 };

struct text_folder {
    char path[TEXT_FOLDER_PATH];
};

/* Makes an empty folder; fails the test when it cannot. */
void text_folder_make(struct text_folder *folder);

/* Removes the folder and the plain files in it. */
void text_folder_remove(const struct text_folder *folder);

void text_folder_write(const struct text_folder *folder, const char *name, const void *bytes,
                       size_t size);

/* The bytes of a file, NUL-terminated; the caller frees. `*size` may be NULL. */
char *text_folder_read(const char *dir, const char *name, size_t *size);

/* `bytes` as gzip; the caller frees. */
unsigned char *text_gzip(const char *bytes, size_t size, size_t *gzip_size);

/* One vocabulary (the writer's) in all forms. */
struct small_bpe {
    char *vocab_json, *merges_txt;
    char *tokenizer_json_strings, *tokenizer_json_pairs; /* merges as "a b" and as ["a", "b"] */
    unsigned char *gzip;
    size_t gzip_size;
    int vocabulary;
};

/* A tokenizer.json of vocab_json and merges_txt; the caller frees. */
char *text_tokenizer_json(const struct small_bpe *bpe, bool as_pairs);

void small_bpe_make(struct small_bpe *bpe);
void small_bpe_free(struct small_bpe *bpe);

#endif
