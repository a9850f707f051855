/* CLIP's own gzip of merges. */
#define ZLIB_CONST
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "text/byte_symbols.h"
#include "text/merge_lines.h"
#include "text/vocabulary_files.h"

enum {
    FIRST_INFLATED_BYTES = 4 << 20,
    MAX_INFLATED_BYTES = 64 << 20,
    WINDOW_BITS_GZIP = 15 + 16,
};

struct inflated {
    char *bytes;
    size_t size, capacity;
};

static enum m2c_status grow(struct inflated *out, struct m2c_error *err)
{
    size_t capacity = out->capacity == 0 ? FIRST_INFLATED_BYTES : out->capacity * 2;
    if (capacity > MAX_INFLATED_BYTES)
        return m2c_fail(err, M2C_BAD_MODEL, "the gzip of merges inflates to more than %d bytes",
                        MAX_INFLATED_BYTES);
    char *bytes = realloc(out->bytes, capacity);
    if (bytes == NULL)
        return m2c_fail_memory(err, "the merges", capacity);
    out->bytes = bytes;
    out->capacity = capacity;
    return M2C_OK;
}

/* Inflates to the end, so that zlib has seen the checksum. */
static enum m2c_status inflate_all(z_stream *stream, struct inflated *out, struct m2c_error *err)
{
    int result = Z_OK;
    while (result == Z_OK) {
        if (out->size == out->capacity && grow(out, err) != M2C_OK)
            return err->status;
        stream->next_out = (Bytef *)out->bytes + out->size;
        stream->avail_out = (uInt)(out->capacity - out->size);
        result = inflate(stream, Z_NO_FLUSH);
        out->size = out->capacity - stream->avail_out;
    }
    if (result == Z_MEM_ERROR)
        return m2c_fail_memory(err, "inflating the merges", out->size);
    if (result == Z_BUF_ERROR)
        return m2c_fail(err, M2C_BAD_MODEL, "the gzip of merges is cut off");
    if (result != Z_STREAM_END)
        return m2c_fail(err, M2C_BAD_MODEL, "the gzip of merges is damaged");
    if (stream->avail_in > 0)
        return m2c_fail(err, M2C_BAD_MODEL, "the gzip of merges is followed by %u bytes",
                        stream->avail_in);
    return M2C_OK;
}

static enum m2c_status inflate_gzip(const char *bytes, size_t size, struct inflated *out,
                                    struct m2c_error *err)
{
    z_stream stream = {0};
    if (size > UINT_MAX)
        return m2c_fail(err, M2C_BAD_MODEL, "the gzip of merges has %zu bytes", size);
    stream.next_in = (z_const Bytef *)bytes;
    stream.avail_in = (uInt)size;
    if (inflateInit2(&stream, WINDOW_BITS_GZIP) != Z_OK)
        return m2c_fail_memory(err, "inflating the merges", size);
    enum m2c_status status = inflate_all(&stream, out, err);
    (void)inflateEnd(&stream);
    return status;
}

static enum m2c_status put(struct m2c_symbol_map *map, const char *first, size_t first_bytes,
                           const char *second, size_t second_bytes, int32_t *next_id,
                           struct m2c_error *err)
{
    char symbol[M2C_MAX_SYMBOL_BYTES];
    bool known;
    if (first_bytes > sizeof symbol || second_bytes > sizeof symbol - first_bytes)
        return m2c_fail(err, M2C_BAD_MODEL, "a merge joins to more than %zu bytes", sizeof symbol);
    memcpy(symbol, first, first_bytes);
    memcpy(symbol + first_bytes, second, second_bytes);
    return m2c_symbol_map_put(map, symbol, first_bytes + second_bytes, (*next_id)++, &known, err);
}

static enum m2c_status put_byte_symbols(struct m2c_symbol_map *map, int32_t *next_id,
                                        struct m2c_error *err)
{
    static const char *const suffixes[] = {"", M2C_WORD_END};
    struct m2c_byte_symbol symbols[256];
    m2c_byte_symbols(symbols);
    for (size_t s = 0; s < 2; ++s) {
        for (size_t i = 0; i < 256; ++i) {
            if (put(map, symbols[i].text, strlen(symbols[i].text), suffixes[s], strlen(suffixes[s]),
                    next_id, err) != M2C_OK)
                return err->status;
        }
    }
    return M2C_OK;
}

/* Two walks, since a merge may name a symbol that a later line makes. */
static enum m2c_status read_merges(const struct inflated *text, struct m2c_symbol_map *map,
                                   int32_t *next_id, struct m2c_vocabulary *vocabulary,
                                   struct m2c_error *err)
{
    struct m2c_merge_lines lines;
    struct m2c_merge_line line;
    m2c_merge_lines_start(&lines, text->bytes, text->size);
    m2c_merge_lines_pass(&lines);
    struct m2c_merge_lines again = lines;
    size_t count = 0;
    for (; count < M2C_CLIP_MERGES && m2c_merge_lines_left(&lines); ++count) {
        if (m2c_merge_lines_next(&lines, &line, err) != M2C_OK ||
            put(map, line.left, line.left_bytes, line.right, line.right_bytes, next_id, err) !=
                M2C_OK)
            return err->status;
    }
    for (size_t index = 0; index < count; ++index) {
        if (m2c_merge_lines_next(&again, &line, err) != M2C_OK ||
            m2c_vocabulary_add_merge(vocabulary, map, line.left, line.left_bytes, line.right,
                                     line.right_bytes, index, err) != M2C_OK)
            return err->status;
    }
    return M2C_OK;
}

enum m2c_status m2c_vocabulary_read_gzip(const char *bytes, size_t size,
                                         struct m2c_vocabulary *vocabulary, struct m2c_error *err)
{
    struct inflated text = {0};
    struct m2c_symbol_map map = {0};
    int32_t next_id = 0;
    enum m2c_status status = inflate_gzip(bytes, size, &text, err);
    if (status == M2C_OK)
        status = m2c_vocabulary_check_utf8(text.bytes, text.size, "the gzip of merges", err);
    if (status == M2C_OK)
        status = put_byte_symbols(&map, &next_id, err);
    if (status == M2C_OK)
        status = read_merges(&text, &map, &next_id, vocabulary, err);
    if (status == M2C_OK)
        status = put(&map, M2C_START_TOKEN, strlen(M2C_START_TOKEN), "", 0, &next_id, err);
    if (status == M2C_OK)
        status = put(&map, M2C_END_TOKEN, strlen(M2C_END_TOKEN), "", 0, &next_id, err);
    if (status == M2C_OK)
        status = m2c_vocabulary_settle(vocabulary, &map, next_id, err);
    free(text.bytes);
    m2c_symbol_map_free(&map);
    return status;
}
