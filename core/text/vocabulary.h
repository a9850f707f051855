/* A vocabulary that is ready to encode with, and how it is put together from its files' facts. */
#ifndef M2C_TEXT_VOCABULARY_H
#define M2C_TEXT_VOCABULARY_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "text/merge_table.h"
#include "text/symbol_map.h"

struct m2c_vocabulary {
    int32_t count;
    int32_t start_id, end_id;
    int32_t byte_ids[256];     /* of a byte inside a piece */
    int32_t byte_end_ids[256]; /* of a piece's last byte: the symbol with "</w>" */
    struct m2c_merge_table merges;
};

void m2c_vocabulary_free(struct m2c_vocabulary *vocabulary);

/* Adds the merge of `left` and `right`, which with their joined text must be in `map`; `index`
 * counts merges from 0 and is the rank. M2C_BAD_MODEL says which one does not fit. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_add_merge(struct m2c_vocabulary *vocabulary,
                                                      const struct m2c_symbol_map *map,
                                                      const char *left, size_t left_bytes,
                                                      const char *right, size_t right_bytes,
                                                      size_t index, struct m2c_error *err);

/* M2C_BAD_MODEL unless the map's ids are 0..V-1, each given once. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_check_ids(const struct m2c_symbol_map *map,
                                                      struct m2c_error *err);

/* Looks up the byte symbols and both special tokens; M2C_BAD_MODEL when one is missing. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_settle(struct m2c_vocabulary *vocabulary,
                                                   const struct m2c_symbol_map *map, int32_t count,
                                                   struct m2c_error *err);

/* M2C_BAD_MODEL unless `bytes` are UTF-8; `name` is the file's. */
M2C_MUST_USE enum m2c_status m2c_vocabulary_check_utf8(const char *bytes, size_t size,
                                                       const char *name, struct m2c_error *err);

#endif
