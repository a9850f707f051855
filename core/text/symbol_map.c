#include "text/symbol_map.h"

#include <stdlib.h>
#include <string.h>

#include "text/tokenizer.h"

enum { FIRST_SLOTS = 4096 };

void m2c_symbol_map_free(struct m2c_symbol_map *map)
{
    free(map->texts);
    free(map->symbols);
    free(map->slots);
    memset(map, 0, sizeof *map);
}

/* FNV-1a. */
static uint32_t hash_of(const char *text, size_t bytes)
{
    uint64_t hash = 0xCBF29CE484222325U;
    for (size_t i = 0; i < bytes; ++i)
        hash = (hash ^ (unsigned char)text[i]) * 0x100000001B3U;
    return (uint32_t)(hash ^ hash >> 32);
}

/* The slot that holds `text`, or the free one where it would go. The table is never full. */
static size_t slot_of(const struct m2c_symbol_map *map, const char *text, size_t bytes,
                      uint32_t hash)
{
    size_t slot = hash & (map->slot_count - 1);
    for (; map->slots[slot] != 0; slot = (slot + 1) & (map->slot_count - 1)) {
        const struct m2c_symbol *symbol = &map->symbols[map->slots[slot] - 1];
        if (symbol->hash == hash && symbol->bytes == bytes &&
            memcmp(map->texts + symbol->offset, text, bytes) == 0)
            break;
    }
    return slot;
}

int32_t m2c_symbol_map_find(const struct m2c_symbol_map *map, const char *text, size_t bytes)
{
    if (map->count == 0)
        return -1;
    size_t slot = slot_of(map, text, bytes, hash_of(text, bytes));
    return map->slots[slot] == 0 ? -1 : map->symbols[map->slots[slot] - 1].id;
}

static bool grow_slots(struct m2c_symbol_map *map)
{
    size_t slot_count = map->slot_count == 0 ? FIRST_SLOTS : map->slot_count * 4;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < map->count; ++i) {
        size_t slot = map->symbols[i].hash & (slot_count - 1);
        while (slots[slot] != 0)
            slot = (slot + 1) & (slot_count - 1);
        slots[slot] = (uint32_t)(i + 1);
    }
    free(map->slots);
    map->slots = slots;
    map->slot_count = slot_count;
    return true;
}

/* Room for one symbol more of `bytes` bytes; the caps keep every product far from overflow. */
static bool make_room(struct m2c_symbol_map *map, size_t bytes)
{
    if ((map->count + 1) * 2 > map->slot_count && !grow_slots(map))
        return false;
    if (map->count == map->capacity) {
        size_t capacity = map->capacity == 0 ? FIRST_SLOTS : map->capacity * 2;
        struct m2c_symbol *symbols = realloc(map->symbols, capacity * sizeof *symbols);
        if (symbols == NULL)
            return false;
        map->symbols = symbols;
        map->capacity = capacity;
    }
    if (map->texts_bytes + bytes > map->texts_capacity) {
        size_t capacity = map->texts_capacity * 2 + bytes + FIRST_SLOTS;
        char *texts = realloc(map->texts, capacity);
        if (texts == NULL)
            return false;
        map->texts = texts;
        map->texts_capacity = capacity;
    }
    return true;
}

enum m2c_status m2c_symbol_map_put(struct m2c_symbol_map *map, const char *text, size_t bytes,
                                   int32_t id, bool *known, struct m2c_error *err)
{
    if (bytes > M2C_MAX_SYMBOL_BYTES)
        return m2c_fail(err, M2C_BAD_MODEL, "a symbol of the vocabulary has %zu bytes, at most %d",
                        bytes, M2C_MAX_SYMBOL_BYTES);
    if (map->count >= M2C_TOKENIZER_MAX_SYMBOLS)
        return m2c_fail(err, M2C_BAD_MODEL, "the vocabulary has more than %d symbols",
                        M2C_TOKENIZER_MAX_SYMBOLS);
    if (!make_room(map, bytes))
        return m2c_fail_memory(err, "a vocabulary", map->texts_bytes + bytes);
    uint32_t hash = hash_of(text, bytes);
    size_t slot = slot_of(map, text, bytes, hash);
    *known = map->slots[slot] != 0;
    if (*known) {
        map->symbols[map->slots[slot] - 1].id = id;
        return M2C_OK;
    }
    memcpy(map->texts + map->texts_bytes, text, bytes);
    map->symbols[map->count] = (struct m2c_symbol){
        .offset = (uint32_t)map->texts_bytes, .bytes = (uint32_t)bytes, .hash = hash, .id = id};
    map->texts_bytes += bytes;
    map->slots[slot] = (uint32_t)++map->count;
    return M2C_OK;
}
