/* The symbols of a vocabulary by their text, while a tokenizer's files are read. */
#ifndef M2C_TEXT_SYMBOL_MAP_H
#define M2C_TEXT_SYMBOL_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum { M2C_MAX_SYMBOL_BYTES = 1024 };

struct m2c_symbol {
    uint32_t offset; /* of its text in `texts` */
    uint32_t bytes;
    uint32_t hash;
    int32_t id;
};

struct m2c_symbol_map {
    char *texts;
    size_t texts_bytes, texts_capacity;
    struct m2c_symbol *symbols; /* in the order of their coming */
    size_t count, capacity;
    uint32_t *slots; /* index into symbols + 1, 0 = free; open addressing */
    size_t slot_count;
};

/* Frees the map and zeroes the struct; safe on a zeroed one, which is an empty map. */
void m2c_symbol_map_free(struct m2c_symbol_map *map);

/* Gives `text` [bytes] the id `id`. A text that has an id already takes the new one and sets
 * `*known`. Errors: M2C_BAD_MODEL beyond M2C_MAX_SYMBOL_BYTES or M2C_TOKENIZER_MAX_SYMBOLS, no
 * memory. */
M2C_MUST_USE enum m2c_status m2c_symbol_map_put(struct m2c_symbol_map *map, const char *text,
                                                size_t bytes, int32_t id, bool *known,
                                                struct m2c_error *err);

/* The id of `text` [bytes], -1 when it has none. */
int32_t m2c_symbol_map_find(const struct m2c_symbol_map *map, const char *text, size_t bytes);

#endif
