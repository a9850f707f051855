#include "text/vocabulary.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "text/byte_symbols.h"

void m2c_vocabulary_free(struct m2c_vocabulary *vocabulary)
{
    m2c_merge_table_free(&vocabulary->merges);
}

enum m2c_status m2c_vocabulary_add_merge(struct m2c_vocabulary *vocabulary,
                                         const struct m2c_symbol_map *map, const char *left,
                                         size_t left_bytes, const char *right, size_t right_bytes,
                                         size_t index, struct m2c_error *err)
{
    char joined[M2C_MAX_SYMBOL_BYTES];
    if (left_bytes > sizeof joined || right_bytes > sizeof joined - left_bytes)
        return m2c_fail(err, M2C_BAD_MODEL, "merge %zu joins to more than %zu bytes", index,
                        sizeof joined);
    if (left_bytes == 0 || right_bytes == 0)
        return m2c_fail(err, M2C_BAD_MODEL, "merge %zu has an empty part", index);
    memcpy(joined, left, left_bytes);
    memcpy(joined + left_bytes, right, right_bytes);
    struct m2c_merge merge = {
        .left = m2c_symbol_map_find(map, left, left_bytes),
        .right = m2c_symbol_map_find(map, right, right_bytes),
        .rank = (int32_t)index,
        .result = m2c_symbol_map_find(map, joined, left_bytes + right_bytes),
    };
    if (merge.left < 0 || merge.right < 0)
        return m2c_fail(err, M2C_BAD_MODEL, "the %s part of merge %zu is not in the vocabulary",
                        merge.left < 0 ? "left" : "right", index);
    if (merge.result < 0)
        return m2c_fail(err, M2C_BAD_MODEL, "the result of merge %zu is not in the vocabulary",
                        index);
    return m2c_merge_table_put(&vocabulary->merges, merge, err);
}

enum m2c_status m2c_vocabulary_check_ids(const struct m2c_symbol_map *map, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    bool *seen = calloc(map->count + 1, sizeof *seen);
    if (seen == NULL)
        return m2c_fail_memory(err, "a check of the vocabulary", map->count);
    for (size_t i = 0; i < map->count && status == M2C_OK; ++i) {
        int32_t id = map->symbols[i].id;
        if (id < 0 || (size_t)id >= map->count)
            status = m2c_fail(err, M2C_BAD_MODEL,
                              "the vocabulary has %zu entries, but an id %d: ids are 0..%zu",
                              map->count, (int)id, map->count - 1);
        else if (seen[id])
            status = m2c_fail(err, M2C_BAD_MODEL, "two entries of the vocabulary have the id %d",
                              (int)id);
        else
            seen[id] = true;
    }
    free(seen);
    return status;
}

static enum m2c_status find_required(const struct m2c_symbol_map *map, const char *text,
                                     int32_t *id, struct m2c_error *err)
{
    *id = m2c_symbol_map_find(map, text, strlen(text));
    if (*id < 0)
        return m2c_fail(err, M2C_BAD_MODEL, "the vocabulary lacks %s", text);
    return M2C_OK;
}

static enum m2c_status find_byte(const struct m2c_symbol_map *map, const char *text,
                                 const char *suffix, unsigned byte, int32_t *id,
                                 struct m2c_error *err)
{
    char symbol[2 * M2C_BYTE_SYMBOL_ROOM];
    int length = snprintf(symbol, sizeof symbol, "%s%s", text, suffix);
    *id = m2c_symbol_map_find(map, symbol, (size_t)length);
    if (*id < 0)
        return m2c_fail(err, M2C_BAD_MODEL, "the vocabulary lacks the symbol of byte 0x%02X%s",
                        byte, suffix[0] == '\0' ? "" : " at a word's end");
    return M2C_OK;
}

enum m2c_status m2c_vocabulary_settle(struct m2c_vocabulary *vocabulary,
                                      const struct m2c_symbol_map *map, int32_t count,
                                      struct m2c_error *err)
{
    struct m2c_byte_symbol symbols[256];
    m2c_byte_symbols(symbols);
    for (int i = 0; i < 256; ++i) {
        uint8_t byte = symbols[i].byte;
        if (find_byte(map, symbols[i].text, "", byte, &vocabulary->byte_ids[byte], err) != M2C_OK)
            return err->status;
        if (find_byte(map, symbols[i].text, M2C_WORD_END, byte, &vocabulary->byte_end_ids[byte],
                      err) != M2C_OK)
            return err->status;
    }
    vocabulary->count = count;
    if (find_required(map, M2C_START_TOKEN, &vocabulary->start_id, err) != M2C_OK)
        return err->status;
    return find_required(map, M2C_END_TOKEN, &vocabulary->end_id, err);
}

/* Bytes at the beginning that are ASCII, in whole words of eight. */
static size_t ascii_prefix(const char *bytes, size_t size)
{
    size_t i = 0;
    for (uint64_t word; size - i >= sizeof word; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if ((word & 0x8080808080808080U) != 0)
            break;
    }
    return i;
}

enum m2c_status m2c_vocabulary_check_utf8(const char *bytes, size_t size, const char *name,
                                          struct m2c_error *err)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)bytes;
    for (size_t i = ascii_prefix(bytes, size); i < size; i += ascii_prefix(bytes + i, size - i)) {
        utf8proc_int32_t point;
        utf8proc_ssize_t taken = 1;
        if (at[i] >= 0x80)
            taken = utf8proc_iterate(at + i, (utf8proc_ssize_t)(size - i), &point);
        if (taken <= 0)
            return m2c_fail(err, M2C_BAD_MODEL, "%s is not valid UTF-8 at byte %zu", name, i);
        i += (size_t)taken;
    }
    return M2C_OK;
}
