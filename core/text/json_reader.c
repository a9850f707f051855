#include "text/json_reader.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

void m2c_json_start(struct m2c_json_reader *reader, const char *bytes, size_t size)
{
    memset(reader, 0, sizeof *reader);
    reader->begin = bytes;
    reader->at = bytes;
    reader->end = bytes + size;
}

void m2c_json_finish(struct m2c_json_reader *reader)
{
    free(reader->scratch);
    reader->scratch = NULL;
    reader->scratch_capacity = 0;
}

static bool wrong(struct m2c_json_reader *reader, const char *mistake)
{
    if (reader->mistake == NULL)
        reader->mistake = mistake;
    return false;
}

char m2c_json_peek(struct m2c_json_reader *reader)
{
    if (reader->mistake != NULL)
        return '\0';
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\n' ||
                                        *reader->at == '\r' || *reader->at == '\t'))
        ++reader->at;
    return reader->at < reader->end ? *reader->at : '\0';
}

static bool take(struct m2c_json_reader *reader, char expected, const char *mistake)
{
    if (m2c_json_peek(reader) != expected)
        return wrong(reader, mistake);
    ++reader->at;
    return true;
}

static bool enter(struct m2c_json_reader *reader, char opening, const char *mistake, bool *first)
{
    *first = true;
    if (reader->depth >= M2C_JSON_DEPTH)
        return wrong(reader, "it nests too deeply");
    if (!take(reader, opening, mistake))
        return false;
    ++reader->depth;
    return true;
}

bool m2c_json_enter_object(struct m2c_json_reader *reader, bool *first)
{
    return enter(reader, '{', "an object is expected", first);
}

bool m2c_json_enter_array(struct m2c_json_reader *reader, bool *first)
{
    return enter(reader, '[', "an array is expected", first);
}

/* Past a comma to one more value, or past the closing character. */
static bool go_on(struct m2c_json_reader *reader, char closing, bool *first)
{
    char next = m2c_json_peek(reader);
    if (reader->mistake != NULL)
        return false;
    if (next == closing) {
        ++reader->at;
        --reader->depth;
        return false;
    }
    bool was_first = *first;
    *first = false;
    return was_first || take(reader, ',', "a comma or the end of an object or array is expected");
}

bool m2c_json_next_member(struct m2c_json_reader *reader, bool *first, struct m2c_json_text *name)
{
    return go_on(reader, '}', first) && m2c_json_string(reader, name) &&
           take(reader, ':', "a colon is expected");
}

bool m2c_json_next_element(struct m2c_json_reader *reader, bool *first)
{
    return go_on(reader, ']', first);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Four hexadecimal digits at `at`, -1 when they are not. */
static int32_t read_unit(const struct m2c_json_reader *reader, const char *at)
{
    int32_t unit = 0;
    if (reader->end - at < 4)
        return -1;
    for (int i = 0; i < 4; ++i) {
        int digit = hex_digit(at[i]);
        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* After "\u" at `*at`: one code point, from a pair of surrogates if need be; -1 when it is none. */
static int32_t read_unicode(const struct m2c_json_reader *reader, const char **at)
{
    int32_t unit = read_unit(reader, *at);
    if (unit <= 0 || (unit >= 0xDC00 && unit <= 0xDFFF))
        return -1;
    *at += 4;
    if (unit < 0xD800 || unit > 0xDBFF)
        return unit;
    if (reader->end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
        return -1;
    int32_t low = read_unit(reader, *at + 2);
    if (low < 0xDC00 || low > 0xDFFF)
        return -1;
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static int32_t simple_escape(char c)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *found = c == '\0' ? NULL : strchr(letters, c);
    return found == NULL ? -1 : meanings[found - letters];
}

/* Decodes the string whose first escape is at `escape` into the scratch memory. */
static bool decode_string(struct m2c_json_reader *reader, const char *closing,
                          struct m2c_json_text *text)
{
    size_t size = 0;
    size_t needed = (size_t)(closing - reader->at) + 4;
    if (needed > reader->scratch_capacity) {
        char *scratch = realloc(reader->scratch, needed * 2);
        if (scratch == NULL) {
            reader->no_memory = true;
            return wrong(reader, "there is no memory for a string");
        }
        reader->scratch = scratch;
        reader->scratch_capacity = needed * 2;
    }
    for (const char *at = reader->at; at < closing;) {
        if (*at != '\\') {
            reader->scratch[size++] = *at++;
            continue;
        }
        char kind = at[1];
        at += 2;
        int32_t point = kind == 'u' ? read_unicode(reader, &at) : simple_escape(kind);
        if (point < 0)
            return wrong(reader, "a string holds an escape that is not valid");
        size += (size_t)utf8proc_encode_char(point, (utf8proc_uint8_t *)reader->scratch + size);
    }
    *text = (struct m2c_json_text){.bytes = reader->scratch, .size = size};
    return true;
}

bool m2c_json_string(struct m2c_json_reader *reader, struct m2c_json_text *text)
{
    bool escaped = false;
    if (!take(reader, '"', "a string is expected"))
        return false;
    const char *at = reader->at;
    for (; at < reader->end && *at != '"'; ++at) {
        if ((unsigned char)*at < 0x20)
            return wrong(reader, "a string holds a control character");
        if (*at == '\\') {
            escaped = true;
            if (++at == reader->end)
                break;
        }
    }
    if (at >= reader->end)
        return wrong(reader, "a string does not end");
    *text = (struct m2c_json_text){.bytes = reader->at, .size = (size_t)(at - reader->at)};
    bool read = !escaped || decode_string(reader, at, text);
    reader->at = at + 1;
    return read;
}

static const char *skip_digits(const struct m2c_json_reader *reader, const char *at)
{
    while (at < reader->end && *at >= '0' && *at <= '9')
        ++at;
    return at;
}

/* The end of the number at the reader's place, NULL when it is not one by RFC 8259. */
static const char *number_end(const struct m2c_json_reader *reader)
{
    const char *at = reader->at;
    if (at < reader->end && *at == '-')
        ++at;
    const char *digits = skip_digits(reader, at);
    if (digits == at || (*at == '0' && digits - at > 1))
        return NULL;
    at = digits;
    if (at < reader->end && *at == '.') {
        digits = skip_digits(reader, ++at);
        if (digits == at)
            return NULL;
        at = digits;
    }
    if (at < reader->end && (*at == 'e' || *at == 'E')) {
        ++at;
        if (at < reader->end && (*at == '+' || *at == '-'))
            ++at;
        digits = skip_digits(reader, at);
        if (digits == at)
            return NULL;
        at = digits;
    }
    return at;
}

bool m2c_json_index(struct m2c_json_reader *reader, int32_t *value)
{
    int64_t number = 0;
    if (m2c_json_peek(reader) == '\0')
        return wrong(reader, "a number is expected");
    const char *end = number_end(reader);
    if (end == NULL)
        return wrong(reader, "a number is expected");
    for (const char *at = reader->at; at < end; ++at) {
        if (*at < '0' || *at > '9')
            return wrong(reader, "an integer from 0 on is expected");
        number = number * 10 + (*at - '0');
        if (number > INT32_MAX)
            return wrong(reader, "an integer is too large");
    }
    reader->at = end;
    *value = (int32_t)number;
    return true;
}

static bool skip_word(struct m2c_json_reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0)
        return wrong(reader, "a value is expected");
    reader->at += length;
    return true;
}

static bool skip_scalar(struct m2c_json_reader *reader)
{
    struct m2c_json_text text;
    switch (m2c_json_peek(reader)) {
    case '"':
        return m2c_json_string(reader, &text);
    case 't':
        return skip_word(reader, "true");
    case 'f':
        return skip_word(reader, "false");
    case 'n':
        return skip_word(reader, "null");
    default:
        break;
    }
    const char *end = reader->mistake == NULL ? number_end(reader) : NULL;
    if (end == NULL)
        return wrong(reader, "a value is expected");
    reader->at = end;
    return true;
}

/* A stack of what is open, instead of recursion; M2C_JSON_DEPTH bounds it. */
bool m2c_json_skip(struct m2c_json_reader *reader)
{
    bool is_object[M2C_JSON_DEPTH];
    bool first[M2C_JSON_DEPTH];
    struct m2c_json_text name;
    int open = 0;
    do {
        char next = m2c_json_peek(reader);
        if (next == '{' || next == '[') {
            bool fresh;
            bool entered = next == '{' ? m2c_json_enter_object(reader, &fresh)
                                       : m2c_json_enter_array(reader, &fresh);
            if (!entered)
                return false;
            is_object[open] = next == '{';
            first[open++] = fresh;
        } else if (!skip_scalar(reader)) {
            return false;
        }
        while (open > 0 &&
               !(is_object[open - 1] ? m2c_json_next_member(reader, &first[open - 1], &name)
                                     : m2c_json_next_element(reader, &first[open - 1]))) {
            if (reader->mistake != NULL)
                return false;
            --open;
        }
    } while (open > 0);
    return true;
}

bool m2c_json_at_end(struct m2c_json_reader *reader)
{
    char next = m2c_json_peek(reader);
    return reader->mistake == NULL && next == '\0' && reader->at == reader->end;
}

bool m2c_json_text_is(const struct m2c_json_text *text, const char *expected)
{
    return text->size == strlen(expected) && memcmp(text->bytes, expected, text->size) == 0;
}
