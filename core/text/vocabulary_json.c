/* vocab.json with merges.txt, and tokenizer.json. */
#include <stdbool.h>
#include <string.h>

#include "text/byte_symbols.h"
#include "text/json_reader.h"
#include "text/merge_lines.h"
#include "text/vocabulary_files.h"

static enum m2c_status fail_json(const struct m2c_json_reader *reader, const char *file,
                                 struct m2c_error *err)
{
    if (reader->no_memory)
        return m2c_fail_memory(err, file, (size_t)(reader->end - reader->at));
    return m2c_fail(err, M2C_BAD_MODEL, "%s is not as it should be at byte %zu: %s", file,
                    (size_t)(reader->at - reader->begin), reader->mistake);
}

/* An object of symbol -> id. */
static enum m2c_status read_symbols(struct m2c_json_reader *reader, const char *file,
                                    struct m2c_symbol_map *map, struct m2c_error *err)
{
    struct m2c_json_text name;
    bool first;
    if (!m2c_json_enter_object(reader, &first))
        return fail_json(reader, file, err);
    while (m2c_json_next_member(reader, &first, &name)) {
        bool known;
        int32_t id;
        if (!m2c_json_index(reader, &id))
            break;
        if (m2c_symbol_map_put(map, name.bytes, name.size, id, &known, err) != M2C_OK)
            return err->status;
        if (known)
            return m2c_fail(err, M2C_BAD_MODEL, "%s names the symbol of id %d twice", file,
                            (int)id);
    }
    return reader->mistake == NULL ? M2C_OK : fail_json(reader, file, err);
}

static enum m2c_status read_merge_lines(const char *bytes, size_t size,
                                        const struct m2c_symbol_map *map,
                                        struct m2c_vocabulary *vocabulary, struct m2c_error *err)
{
    struct m2c_merge_lines lines;
    m2c_merge_lines_start(&lines, bytes, size);
    if (size >= 8 && memcmp(bytes, "#version", 8) == 0)
        m2c_merge_lines_pass(&lines);
    for (size_t index = 0; m2c_merge_lines_left(&lines); ++index) {
        struct m2c_merge_line line;
        if (m2c_merge_lines_next(&lines, &line, err) != M2C_OK ||
            m2c_vocabulary_add_merge(vocabulary, map, line.left, line.left_bytes, line.right,
                                     line.right_bytes, index, err) != M2C_OK)
            return err->status;
    }
    return M2C_OK;
}

enum m2c_status m2c_vocabulary_read_pair(const char *vocab, size_t vocab_bytes, const char *merges,
                                         size_t merges_bytes, struct m2c_vocabulary *vocabulary,
                                         struct m2c_error *err)
{
    struct m2c_symbol_map map = {0};
    struct m2c_json_reader reader;
    m2c_json_start(&reader, vocab, vocab_bytes);
    enum m2c_status status = m2c_vocabulary_check_utf8(vocab, vocab_bytes, "vocab.json", err);
    if (status == M2C_OK)
        status = m2c_vocabulary_check_utf8(merges, merges_bytes, "merges.txt", err);
    if (status == M2C_OK)
        status = read_symbols(&reader, "vocab.json", &map, err);
    if (status == M2C_OK && !m2c_json_at_end(&reader))
        status = m2c_fail(err, M2C_BAD_MODEL, "vocab.json goes on behind its object");
    if (status == M2C_OK)
        status = m2c_vocabulary_check_ids(&map, err);
    if (status == M2C_OK)
        status = read_merge_lines(merges, merges_bytes, &map, vocabulary, err);
    if (status == M2C_OK)
        status = m2c_vocabulary_settle(vocabulary, &map, (int32_t)map.count, err);
    m2c_json_finish(&reader);
    m2c_symbol_map_free(&map);
    return status;
}

/* What is read of tokenizer.json; places are kept of what must wait for the symbols. */
struct tokenizer_json {
    struct m2c_json_reader reader;
    struct m2c_symbol_map map;
    struct m2c_vocabulary *vocabulary;
    const char *added_tokens;
    const char *merges;
    bool has_model, has_symbols, has_word_end;
};

static const char file_name[] = "tokenizer.json";

/* A merge is "left right" or ["left", "right"]. */
static bool read_merge(struct m2c_json_reader *reader, char left[M2C_MAX_SYMBOL_BYTES],
                       struct m2c_merge_line *merge)
{
    struct m2c_json_text text;
    bool first;
    if (m2c_json_peek(reader) == '"')
        return m2c_json_string(reader, &text) && m2c_merge_line_split(text.bytes, text.size, merge);
    if (!m2c_json_enter_array(reader, &first) || !m2c_json_next_element(reader, &first) ||
        !m2c_json_string(reader, &text) || text.size > M2C_MAX_SYMBOL_BYTES)
        return false;
    memcpy(left, text.bytes, text.size);
    merge->left = left;
    merge->left_bytes = text.size;
    if (!m2c_json_next_element(reader, &first) || !m2c_json_string(reader, &text))
        return false;
    merge->right = text.bytes;
    merge->right_bytes = text.size;
    return !m2c_json_next_element(reader, &first) && reader->mistake == NULL;
}

static enum m2c_status read_merges(struct tokenizer_json *json, struct m2c_error *err)
{
    struct m2c_json_reader *reader = &json->reader;
    char left[M2C_MAX_SYMBOL_BYTES];
    bool first;
    if (!m2c_json_enter_array(reader, &first))
        return fail_json(reader, file_name, err);
    for (size_t index = 0; m2c_json_next_element(reader, &first); ++index) {
        struct m2c_merge_line merge;
        if (!read_merge(reader, left, &merge))
            return reader->mistake != NULL
                       ? fail_json(reader, file_name, err)
                       : m2c_fail(err, M2C_BAD_MODEL, "merge %zu of %s is not two symbols", index,
                                  file_name);
        if (m2c_vocabulary_add_merge(json->vocabulary, &json->map, merge.left, merge.left_bytes,
                                     merge.right, merge.right_bytes, index, err) != M2C_OK)
            return err->status;
    }
    return reader->mistake == NULL ? M2C_OK : fail_json(reader, file_name, err);
}

static enum m2c_status require_text(struct m2c_json_reader *reader, const char *member,
                                    const char *expected, struct m2c_error *err)
{
    struct m2c_json_text text = {0};
    if (m2c_json_peek(reader) != '"' || !m2c_json_string(reader, &text) ||
        !m2c_json_text_is(&text, expected))
        return m2c_fail(err, M2C_BAD_MODEL, "%s has a %s other than \"%s\"", file_name, member,
                        expected);
    return M2C_OK;
}

/* Merges wait where they stand before the symbols. */
static enum m2c_status read_model_member(struct tokenizer_json *json,
                                         const struct m2c_json_text *name, struct m2c_error *err)
{
    struct m2c_json_reader *reader = &json->reader;
    if (m2c_json_text_is(name, "type"))
        return require_text(reader, "model.type", "BPE", err);
    if (m2c_json_text_is(name, "end_of_word_suffix")) {
        json->has_word_end = true;
        return require_text(reader, "model.end_of_word_suffix", M2C_WORD_END, err);
    }
    if (m2c_json_text_is(name, "vocab") && !json->has_symbols) {
        json->has_symbols = true;
        return read_symbols(reader, file_name, &json->map, err);
    }
    if (m2c_json_text_is(name, "merges")) {
        (void)m2c_json_peek(reader);
        json->merges = reader->at;
        if (json->has_symbols && json->vocabulary->merges.count == 0)
            return read_merges(json, err);
    }
    return m2c_json_skip(reader) ? M2C_OK : fail_json(reader, file_name, err);
}

static enum m2c_status read_model(struct tokenizer_json *json, struct m2c_error *err)
{
    struct m2c_json_text name;
    bool first;
    if (json->has_model)
        return m2c_fail(err, M2C_BAD_MODEL, "%s has two models", file_name);
    json->has_model = true;
    if (!m2c_json_enter_object(&json->reader, &first))
        return fail_json(&json->reader, file_name, err);
    while (m2c_json_next_member(&json->reader, &first, &name)) {
        if (read_model_member(json, &name, err) != M2C_OK)
            return err->status;
    }
    return json->reader.mistake == NULL ? M2C_OK : fail_json(&json->reader, file_name, err);
}

static enum m2c_status read_document(struct tokenizer_json *json, struct m2c_error *err)
{
    struct m2c_json_reader *reader = &json->reader;
    struct m2c_json_text name;
    bool first;
    if (!m2c_json_enter_object(reader, &first))
        return fail_json(reader, file_name, err);
    while (m2c_json_next_member(reader, &first, &name)) {
        if (m2c_json_text_is(&name, "model")) {
            if (read_model(json, err) != M2C_OK)
                return err->status;
            continue;
        }
        if (m2c_json_text_is(&name, "added_tokens") && m2c_json_peek(reader) == '[')
            json->added_tokens = reader->at;
        if (!m2c_json_skip(reader))
            break;
    }
    if (reader->mistake == NULL && !m2c_json_at_end(reader))
        return m2c_fail(err, M2C_BAD_MODEL, "%s goes on behind its object", file_name);
    return reader->mistake == NULL ? M2C_OK : fail_json(reader, file_name, err);
}

/* {"id": n, "content": text, ...}: a symbol that the model's own list need not have. */
static enum m2c_status read_added_token(struct tokenizer_json *json, struct m2c_error *err)
{
    struct m2c_json_reader *reader = &json->reader;
    struct m2c_json_text name;
    char content[M2C_MAX_SYMBOL_BYTES];
    size_t content_bytes = 0;
    int32_t id = -1;
    bool first;
    bool known;
    if (!m2c_json_enter_object(reader, &first))
        return fail_json(reader, file_name, err);
    while (m2c_json_next_member(reader, &first, &name)) {
        struct m2c_json_text text;
        if (m2c_json_text_is(&name, "id")) {
            (void)m2c_json_index(reader, &id);
        } else if (!m2c_json_text_is(&name, "content")) {
            (void)m2c_json_skip(reader);
        } else if (m2c_json_string(reader, &text) && text.size <= sizeof content) {
            memcpy(content, text.bytes, text.size);
            content_bytes = text.size;
        }
    }
    if (reader->mistake != NULL)
        return fail_json(reader, file_name, err);
    if (id < 0 || content_bytes == 0)
        return m2c_fail(err, M2C_BAD_MODEL, "an added token of %s has no id or no content",
                        file_name);
    int32_t old = m2c_symbol_map_find(&json->map, content, content_bytes);
    if (old >= 0 && old != id)
        return m2c_fail(err, M2C_BAD_MODEL, "an added token of %s has the ids %d and %d", file_name,
                        (int)old, (int)id);
    return m2c_symbol_map_put(&json->map, content, content_bytes, id, &known, err);
}

static enum m2c_status read_added_tokens(struct tokenizer_json *json, struct m2c_error *err)
{
    bool first;
    json->reader.at = json->added_tokens;
    if (!m2c_json_enter_array(&json->reader, &first))
        return fail_json(&json->reader, file_name, err);
    while (m2c_json_next_element(&json->reader, &first)) {
        if (read_added_token(json, err) != M2C_OK)
            return err->status;
    }
    return json->reader.mistake == NULL ? M2C_OK : fail_json(&json->reader, file_name, err);
}

static enum m2c_status settle_document(struct tokenizer_json *json, struct m2c_error *err)
{
    if (!json->has_symbols || json->merges == NULL)
        return m2c_fail(err, M2C_BAD_MODEL, "%s has no model.%s", file_name,
                        json->has_symbols ? "merges" : "vocab");
    if (!json->has_word_end)
        return m2c_fail(err, M2C_BAD_MODEL, "%s has no model.end_of_word_suffix", file_name);
    if (json->vocabulary->merges.count == 0) {
        json->reader.at = json->merges;
        if (read_merges(json, err) != M2C_OK)
            return err->status;
    }
    if (json->added_tokens != NULL && read_added_tokens(json, err) != M2C_OK)
        return err->status;
    if (m2c_vocabulary_check_ids(&json->map, err) != M2C_OK)
        return err->status;
    return m2c_vocabulary_settle(json->vocabulary, &json->map, (int32_t)json->map.count, err);
}

enum m2c_status m2c_vocabulary_read_tokenizer_json(const char *bytes, size_t size,
                                                   struct m2c_vocabulary *vocabulary,
                                                   struct m2c_error *err)
{
    struct tokenizer_json json = {.vocabulary = vocabulary};
    m2c_json_start(&json.reader, bytes, size);
    enum m2c_status status = m2c_vocabulary_check_utf8(bytes, size, file_name, err);
    if (status == M2C_OK)
        status = read_document(&json, err);
    if (status == M2C_OK)
        status = settle_document(&json, err);
    m2c_json_finish(&json.reader);
    m2c_symbol_map_free(&json.map);
    return status;
}
