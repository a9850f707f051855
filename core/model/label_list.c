#include "model/label_list.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "model/config.h"
#include "model/folder_file.h"

enum { LIST_LIMIT_BYTES = 64 << 20 };

/* Rows are collected into `out->names` as offsets are into one block; ids put them in order. */
struct reader {
    const char *file;
    const char *cursor, *end;
    size_t line;  /* of the row being read, from 1 */
    char *text;   /* as long as the input: names are copied here, each with a NUL */
    size_t used;  /* of text */
    char **names; /* by place in the file */
    size_t *ids;  /* beside them */
    size_t count;
    size_t capacity;
    struct m2c_error *err;
};

static enum m2c_status fail_line(const struct reader *reader, const char *what)
{
    return m2c_fail(reader->err, M2C_BAD_MODEL, "%s: line %zu: %s", reader->file, reader->line,
                    what);
}

static bool is_utf8(const char *bytes, size_t size)
{
    const utf8proc_uint8_t *cursor = (const utf8proc_uint8_t *)bytes;
    while (size > 0) {
        utf8proc_int32_t code;
        /* A character has at most four bytes, whatever is left behind it. */
        utf8proc_ssize_t n = utf8proc_iterate(cursor, size < 4 ? (utf8proc_ssize_t)size : 4, &code);
        if (n <= 0 || code == 0)
            return false;
        cursor += n;
        size -= (size_t)n;
    }
    return true;
}

static bool is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (text[i] != ' ' && text[i] != '\t')
            return false;
    return true;
}

static enum m2c_status start(struct reader *reader, const char *file, const char *bytes,
                             size_t size, struct m2c_error *err)
{
    *reader = (struct reader){.file = file, .line = 1, .err = err};
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    if (!is_utf8(bytes, size))
        return m2c_fail(err, M2C_BAD_MODEL, "%s is not UTF-8 text", file);
    reader->cursor = bytes;
    reader->end = bytes + size;
    reader->text = malloc(2 * size + 2); /* every name one byte at least, and its NUL */
    return reader->text ? M2C_OK : m2c_fail_memory(err, file, 2 * size + 2);
}

static bool grow(struct reader *reader)
{
    if (reader->count < reader->capacity)
        return true;
    size_t capacity = reader->capacity > 0 ? 2 * reader->capacity : 64;
    char **names = realloc(reader->names, capacity * sizeof *names);
    if (names)
        reader->names = names;
    size_t *ids = realloc(reader->ids, capacity * sizeof *ids);
    if (ids)
        reader->ids = ids;
    if (!names || !ids)
        return false;
    reader->capacity = capacity;
    return true;
}

/* Closes the name that was copied to reader->text + from. */
static enum m2c_status add_name(struct reader *reader, size_t from, size_t id)
{
    size_t length = reader->used - from;
    if (is_blank(reader->text + from, length))
        return fail_line(reader, "the name is blank");
    if (length > M2C_LABEL_BYTES_MAX)
        return fail_line(reader, "the name exceeds 256 bytes");
    if (reader->count >= M2C_MAX_CLASSES)
        return fail_line(reader, "there are too many names");
    if (!grow(reader))
        return m2c_fail_memory(reader->err, reader->file, reader->count * sizeof *reader->names);
    reader->text[reader->used++] = '\0';
    reader->names[reader->count] = reader->text + from;
    reader->ids[reader->count++] = id;
    return M2C_OK;
}

static void copy(struct reader *reader, const char *bytes, size_t size)
{
    memcpy(reader->text + reader->used, bytes, size);
    reader->used += size;
}

/* The next line without its ending, borrowed; false at the end of the input. */
static bool next_line(struct reader *reader, const char **line, size_t *length)
{
    if (reader->cursor == reader->end)
        return false;
    const char *stop = memchr(reader->cursor, '\n', (size_t)(reader->end - reader->cursor));
    const char *next = stop ? stop + 1 : reader->end;
    stop = stop ? stop : reader->end;
    *line = reader->cursor;
    *length = (size_t)(stop - reader->cursor);
    if (*length > 0 && stop[-1] == '\r')
        --*length;
    reader->cursor = next;
    return true;
}

static enum m2c_status read_plain(struct reader *reader)
{
    const char *line;
    size_t length;
    for (; next_line(reader, &line, &length); reader->line++) {
        if (is_blank(line, length))
            continue;
        size_t from = reader->used;
        copy(reader, line, length);
        enum m2c_status status = add_name(reader, from, reader->count);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

/* Decimal digits, no sign and no leading zero; below M2C_MAX_VOCABULARY. */
static bool parse_id(const char *digits, size_t length, size_t *out)
{
    if (length == 0 || length > 8 || (length > 1 && digits[0] == '0'))
        return false;
    *out = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        *out = *out * 10 + (size_t)(digits[i] - '0');
    }
    return *out < M2C_MAX_VOCABULARY;
}

/* One RFC 4180 field, copied to the text; leaves the cursor behind its separator. *last: the row
 * ends with it. */
static enum m2c_status read_field(struct reader *reader, bool *last)
{
    const char *end = reader->end;
    bool quoted = reader->cursor < end && *reader->cursor == '"';
    reader->cursor += quoted;
    while (quoted) {
        const char *quote = memchr(reader->cursor, '"', (size_t)(end - reader->cursor));
        if (!quote)
            return fail_line(reader, "a quoted field has no end");
        copy(reader, reader->cursor, (size_t)(quote - reader->cursor));
        reader->cursor = quote + 1;
        quoted = reader->cursor < end && *reader->cursor == '"';
        if (quoted) {
            copy(reader, "\"", 1);
            reader->cursor++;
        } else if (reader->cursor < end && !strchr(",\r\n", *reader->cursor)) {
            return fail_line(reader, "there is text behind a quoted field");
        }
    }
    const char *stop = reader->cursor;
    while (stop < end && *stop != ',' && *stop != '\n' && *stop != '"')
        stop++;
    if (stop < end && *stop == '"')
        return fail_line(reader, "there is a quote inside a plain field");
    *last = stop == end || *stop == '\n';
    size_t length = (size_t)(stop - reader->cursor);
    if (*last && length > 0 && stop[-1] == '\r')
        length--;
    copy(reader, reader->cursor, length);
    reader->cursor = stop < end ? stop + 1 : end;
    return M2C_OK;
}

static enum m2c_status read_row(struct reader *reader)
{
    size_t from = reader->used, id;
    bool last = false;
    enum m2c_status status = read_field(reader, &last);
    if (status != M2C_OK)
        return status;
    if (last && reader->used == from)
        return M2C_OK; /* an empty line */
    if (last || !parse_id(reader->text + from, reader->used - from, &id))
        return fail_line(reader, "there is no id and name");
    reader->used = from;
    status = read_field(reader, &last);
    if (status != M2C_OK)
        return status;
    if (!last)
        return fail_line(reader, "there are more than two fields");
    return add_name(reader, from, id);
}

static enum m2c_status read_csv(struct reader *reader)
{
    enum m2c_status status = M2C_OK;
    while (status == M2C_OK && reader->cursor < reader->end) {
        const char *row = reader->cursor;
        status = read_row(reader);
        for (; status == M2C_OK && row < reader->cursor; row++)
            reader->line += *row == '\n';
    }
    return status;
}

static enum m2c_status read_words(struct reader *reader)
{
    const char *line;
    size_t length, id;
    for (; next_line(reader, &line, &length); reader->line++) {
        if (is_blank(line, length))
            continue;
        size_t split = length, word;
        while (split > 0 && line[split - 1] != ' ' && line[split - 1] != '\t')
            split--;
        for (word = split; word > 0 && (line[word - 1] == ' ' || line[word - 1] == '\t');)
            word--;
        if (!parse_id(line + split, length - split, &id))
            return fail_line(reader, "there is no word and index");
        size_t from = reader->used;
        copy(reader, line, word);
        enum m2c_status status = add_name(reader, from, id);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

/* Puts the names in the order of their ids, which must be 0..count-1. Takes the text. */
static enum m2c_status finish(struct reader *reader, struct m2c_label_list *out)
{
    if (reader->count == 0)
        return m2c_fail(reader->err, M2C_BAD_MODEL, "%s holds no name", reader->file);
    char **names = calloc(reader->count, sizeof *names);
    if (!names)
        return m2c_fail_memory(reader->err, reader->file, reader->count * sizeof *names);
    for (size_t i = 0; i < reader->count; i++) {
        size_t id = reader->ids[i];
        if (id >= reader->count || names[id]) {
            free(names);
            return m2c_fail(reader->err, M2C_BAD_MODEL,
                            "%s: id %zu is there twice, or ids are not 0..%zu", reader->file, id,
                            reader->count - 1);
        }
        names[id] = reader->names[i];
    }
    *out = (struct m2c_label_list){.names = names, .count = reader->count, .text = reader->text};
    reader->text = NULL;
    return M2C_OK;
}

static void discard(struct reader *reader)
{
    free(reader->text);
    free(reader->names);
    free(reader->ids);
}

enum m2c_status m2c_label_list_parse(const char *file, const char *bytes, size_t size,
                                     struct m2c_label_list *out, struct m2c_error *err)
{
    struct reader reader;
    const char *line;
    size_t length;
    *out = (struct m2c_label_list){0};
    enum m2c_status status = start(&reader, file, bytes, size, err);
    if (status == M2C_OK) {
        const char *first = reader.cursor;
        bool csv =
            next_line(&reader, &line, &length) && length == 7 && memcmp(line, "id,name", 7) == 0;
        reader.line += csv;
        reader.cursor = csv ? reader.cursor : first;
        status = csv ? read_csv(&reader) : read_plain(&reader);
    }
    if (status == M2C_OK)
        status = finish(&reader, out);
    discard(&reader);
    return status;
}

enum m2c_status m2c_word_list_parse(const char *file, const char *bytes, size_t size,
                                    struct m2c_label_list *out, struct m2c_error *err)
{
    struct reader reader;
    *out = (struct m2c_label_list){0};
    enum m2c_status status = start(&reader, file, bytes, size, err);
    if (status == M2C_OK)
        status = read_words(&reader);
    if (status == M2C_OK)
        status = finish(&reader, out);
    discard(&reader);
    return status;
}

enum m2c_status m2c_label_list_load(const char *path, struct m2c_label_list *out,
                                    struct m2c_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    *out = (struct m2c_label_list){0};
    enum m2c_status status = m2c_folder_read(path, LIST_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK)
        status = m2c_label_list_parse(m2c_folder_base_name(path), bytes, size, out, err);
    free(bytes);
    return status;
}

typedef enum m2c_status (*list_parser)(const char *file, const char *bytes, size_t size,
                                       struct m2c_label_list *out, struct m2c_error *err);

static enum m2c_status load_optional(const char *dir, const char *name, list_parser parse,
                                     struct m2c_label_list *out, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    char *bytes = NULL;
    size_t size = 0;
    *out = (struct m2c_label_list){0};
    enum m2c_status status = m2c_folder_path(path, dir, name, err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(path, LIST_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK && bytes)
        status = parse(name, bytes, size, out, err);
    free(bytes);
    return status;
}

enum m2c_status m2c_folder_labels(const char *dir, struct m2c_label_list *out,
                                  struct m2c_error *err)
{
    return load_optional(dir, "labels.csv", m2c_label_list_parse, out, err);
}

enum m2c_status m2c_folder_words(const char *dir, struct m2c_label_list *out, struct m2c_error *err)
{
    return load_optional(dir, "cmlm_words.txt", m2c_word_list_parse, out, err);
}

enum m2c_status m2c_label_list_generate(const char *prefix, size_t count,
                                        struct m2c_label_list *out, struct m2c_error *err)
{
    enum { NUMBER_BYTES = 24 };
    size_t stride = strlen(prefix) + NUMBER_BYTES;
    *out = (struct m2c_label_list){.names = calloc(count + 1, sizeof *out->names),
                                   .text = calloc(count + 1, stride)};
    if (!out->names || !out->text) {
        m2c_label_list_destroy(out);
        return m2c_fail_memory(err, "generated names", (count + 1) * stride);
    }
    for (size_t i = 0; i < count; i++) {
        out->names[i] = out->text + i * stride;
        (void)snprintf(out->names[i], stride, "%s_%zu", prefix, i);
    }
    out->count = count;
    return M2C_OK;
}

void m2c_label_list_destroy(struct m2c_label_list *list)
{
    free(list->names);
    free(list->text);
    *list = (struct m2c_label_list){0};
}
