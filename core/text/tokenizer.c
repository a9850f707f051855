#include "text/tokenizer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "text/byte_pair.h"
#include "text/byte_symbols.h"
#include "text/clean_up.h"
#include "text/pattern.h"
#include "text/vocabulary_files.h"

struct m2c_tokenizer {
    struct m2c_vocabulary vocabulary;
};

void m2c_tokenizer_free(struct m2c_tokenizer **tokenizer)
{
    if (*tokenizer != NULL)
        m2c_vocabulary_free(&(*tokenizer)->vocabulary);
    free(*tokenizer);
    *tokenizer = NULL;
}

int m2c_tokenizer_vocabulary(const struct m2c_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.count;
}

int m2c_tokenizer_start_id(const struct m2c_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.start_id;
}

int m2c_tokenizer_end_id(const struct m2c_tokenizer *tokenizer)
{
    return tokenizer->vocabulary.end_id;
}

static enum m2c_status read_files(const struct m2c_tokenizer_files *files,
                                  struct m2c_vocabulary *vocabulary, struct m2c_error *err)
{
    if (files->vocab_json != NULL && files->merges_txt != NULL)
        return m2c_vocabulary_read_pair(files->vocab_json, files->vocab_json_bytes,
                                        files->merges_txt, files->merges_txt_bytes, vocabulary,
                                        err);
    if (files->tokenizer_json != NULL)
        return m2c_vocabulary_read_tokenizer_json(files->tokenizer_json,
                                                  files->tokenizer_json_bytes, vocabulary, err);
    if (files->bpe_gzip != NULL)
        return m2c_vocabulary_read_gzip(files->bpe_gzip, files->bpe_gzip_bytes, vocabulary, err);
    return m2c_fail(err, M2C_BAD_MODEL, "the tokenizer has %s, but no %s",
                    files->vocab_json != NULL ? "vocab.json" : "merges.txt",
                    files->vocab_json != NULL ? "merges.txt" : "vocab.json");
}

enum m2c_status m2c_tokenizer_open_files(const struct m2c_tokenizer_files *files,
                                         struct m2c_tokenizer **out, struct m2c_error *err)
{
    *out = NULL;
    if (files->vocab_json == NULL && files->merges_txt == NULL && files->tokenizer_json == NULL &&
        files->bpe_gzip == NULL)
        return M2C_OK;
    struct m2c_tokenizer *tokenizer = calloc(1, sizeof *tokenizer);
    if (tokenizer == NULL)
        return m2c_fail_memory(err, "a tokenizer", sizeof *tokenizer);
    if (read_files(files, &tokenizer->vocabulary, err) != M2C_OK) {
        m2c_tokenizer_free(&tokenizer);
        return err->status;
    }
    *out = tokenizer;
    return M2C_OK;
}

/* Where ids go: the first `capacity` are kept, all are counted. */
struct id_row {
    int32_t *ids;
    size_t capacity;
    size_t count;
};

static void add_id(struct id_row *row, int32_t id)
{
    if (row->count < row->capacity)
        row->ids[row->count] = id;
    ++row->count;
}

static bool spells(const int32_t *piece, size_t count, const char *token)
{
    for (size_t i = 0; i < count; ++i) {
        if (token[i] == '\0' || piece[i] != token[i])
            return false;
    }
    return token[count] == '\0';
}

static enum m2c_status encode_piece(const struct m2c_vocabulary *vocabulary, const int32_t *piece,
                                    size_t count, struct m2c_byte_pair_room *room,
                                    struct id_row *row, struct m2c_error *err)
{
    if (piece[0] == '<' && spells(piece, count, M2C_START_TOKEN)) {
        add_id(row, vocabulary->start_id);
        return M2C_OK;
    }
    if (piece[0] == '<' && spells(piece, count, M2C_END_TOKEN)) {
        add_id(row, vocabulary->end_id);
        return M2C_OK;
    }
    if (m2c_byte_pair_reserve(room, 4 * count, err) != M2C_OK)
        return err->status;
    size_t bytes = 0;
    for (size_t i = 0; i < count; ++i)
        bytes += m2c_code_point_encode(piece[i], room->bytes + bytes);
    size_t symbols = m2c_byte_pair_merge(vocabulary, room, bytes);
    for (size_t i = 0; i < symbols; ++i)
        add_id(row, room->symbols[i]);
    return M2C_OK;
}

static enum m2c_status encode(const struct m2c_vocabulary *vocabulary, const char *text,
                              size_t bytes, struct id_row *row, struct m2c_error *err)
{
    struct m2c_code_points cleaned = {0};
    struct m2c_byte_pair_room room = {0};
    enum m2c_status status;
    if (bytes > M2C_TOKENIZER_MAX_TEXT_BYTES)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the text has %zu bytes, at most %d are read",
                        bytes, M2C_TOKENIZER_MAX_TEXT_BYTES);
    status = m2c_clean_up(text, bytes, &cleaned, err);
    size_t end = 0;
    for (size_t start; status == M2C_OK && m2c_next_piece(&cleaned, end, &start, &end);)
        status = encode_piece(vocabulary, cleaned.data + start, end - start, &room, row, err);
    m2c_byte_pair_free(&room);
    m2c_code_points_free(&cleaned);
    return status;
}

enum m2c_status m2c_tokenizer_encode(const struct m2c_tokenizer *tokenizer, const char *text,
                                     size_t bytes, int32_t *ids, size_t capacity, size_t *count,
                                     struct m2c_error *err)
{
    struct id_row row = {.ids = ids, .capacity = capacity};
    enum m2c_status status = encode(&tokenizer->vocabulary, text, bytes, &row, err);
    *count = row.count;
    if (status == M2C_OK && row.count > capacity)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the text is %zu tokens long, at most %zu fit",
                        row.count, capacity);
    return status;
}

enum m2c_status m2c_tokenizer_encode_truncated(const struct m2c_tokenizer *tokenizer,
                                               const char *text, size_t bytes, int32_t *ids,
                                               size_t capacity, size_t *count,
                                               struct m2c_error *err)
{
    struct id_row row = {.ids = ids, .capacity = capacity};
    enum m2c_status status = encode(&tokenizer->vocabulary, text, bytes, &row, err);
    *count = row.count < capacity ? row.count : capacity;
    return status;
}
