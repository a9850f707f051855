/* Names by index: the K classes (`labels.csv`) and the M words of the CMLM head (`cmlm_words.txt`).
 */
#ifndef M2C_MODEL_LABEL_LIST_H
#define M2C_MODEL_LABEL_LIST_H

#include <stddef.h>

#include "status.h"

enum { M2C_LABEL_BYTES_MAX = 256 };

/* Names in the order of their index, UTF-8, never empty. Zeroed: an empty list. */
struct m2c_label_list {
    char **names;
    size_t count;
    char *text; /* the block that the names lie in */
};

/* Parses `size` bytes of a label file; `file` names it in errors. UTF-8, with or without a byte
 * order mark, lines ended by LF or CRLF. A first line of exactly `id,name` makes it RFC 4180 with
 * the ids 0..K-1 once each, in any order; otherwise every line that is not blank is a name, commas
 * included. Wrong ids, quotes or UTF-8, no name at all, a name over M2C_LABEL_BYTES_MAX or more
 * than M2C_MAX_CLASSES names: M2C_BAD_MODEL with the line's number. New arrays; the caller
 * destroys them; empty on failure. Any thread. */
M2C_MUST_USE enum m2c_status m2c_label_list_parse(const char *file, const char *bytes, size_t size,
                                                  struct m2c_label_list *out,
                                                  struct m2c_error *err);

/* Parses `word index` lines (indices 0..M-1 once each). Errors as above. */
M2C_MUST_USE enum m2c_status m2c_word_list_parse(const char *file, const char *bytes, size_t size,
                                                 struct m2c_label_list *out, struct m2c_error *err);

/* Reads and parses a file of at most 64 MiB. */
M2C_MUST_USE enum m2c_status m2c_label_list_load(const char *path, struct m2c_label_list *out,
                                                 struct m2c_error *err);

/* DIR/labels.csv and DIR/cmlm_words.txt: an empty list where there is no such file. */
M2C_MUST_USE enum m2c_status m2c_folder_labels(const char *dir, struct m2c_label_list *out,
                                               struct m2c_error *err);
M2C_MUST_USE enum m2c_status m2c_folder_words(const char *dir, struct m2c_label_list *out,
                                              struct m2c_error *err);

/* "class_0", "class_1", ... for prefix "class". */
M2C_MUST_USE enum m2c_status m2c_label_list_generate(const char *prefix, size_t count,
                                                     struct m2c_label_list *out,
                                                     struct m2c_error *err);

/* Frees the arrays and empties the list; safe on a zeroed one. */
void m2c_label_list_destroy(struct m2c_label_list *list);

#endif
