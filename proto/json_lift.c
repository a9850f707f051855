#include "proto/json_lift.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"

enum { MAX_NUMBER = 24 };

struct scan {
    const char *text;
    size_t size, at;
    struct proto_json_lift *lift;
    size_t capacity, max_videos;
};

/* A string between its quotes. */
struct string {
    size_t begin, end, escapes;
    bool closed;
};

/* Reads a string whose opening quote is at `at`. Each byte is looked at twice at most, however many
 * escapes there are. */
static struct string read_string(const struct scan *scan, size_t at)
{
    struct string string = {.begin = at + 1, .end = scan->size};
    size_t from = at + 1;
    const char *quote = NULL;
    while (from < scan->size) {
        if (!quote || quote < scan->text + from)
            quote = memchr(scan->text + from, '"', scan->size - from);
        if (!quote)
            return string;
        size_t before = (size_t)(quote - scan->text) - from;
        const char *escape = memchr(scan->text + from, '\\', before);
        if (!escape) {
            string.end = (size_t)(quote - scan->text);
            string.closed = true;
            return string;
        }
        string.escapes++;
        from = (size_t)(escape - scan->text) + 2;
    }
    return string;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The character that stands at `*at`, which a \u escape may spell; -1 for one beyond ASCII. */
static int next_character(const char *text, size_t end, size_t *at)
{
    char c = text[(*at)++];
    if (c != '\\')
        return (unsigned char)c;
    if (end - *at < 5 || text[*at] != 'u')
        return -1;
    int code = 0;
    for (size_t i = 1; i < 5; i++) {
        int digit = hex_value(text[*at + i]);
        if (digit < 0)
            return -1;
        code = code * 16 + digit;
    }
    *at += 5;
    return code < 128 ? code : -1;
}

static bool is_video_key(const struct scan *scan, const struct string *key)
{
    static const char name[] = "video";
    size_t at = key->begin;
    for (size_t i = 0; i < sizeof name - 1; i++)
        if (at >= key->end || next_character(scan->text, key->end, &at) != name[i])
            return false;
    return at == key->end;
}

static size_t skip_blanks(const struct scan *scan, size_t at)
{
    while (at < scan->size && strchr(" \t\r\n", scan->text[at]) && scan->text[at] != '\0')
        at++;
    return at;
}

static enum m2c_status keep(struct scan *scan, const struct string *value, struct m2c_error *err)
{
    struct proto_json_lift *lift = scan->lift;
    if (lift->count == scan->max_videos)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs", "there are more than %zu videos",
                              scan->max_videos);
    if (lift->count == scan->capacity) {
        size_t capacity = scan->capacity ? scan->capacity * 2 : 4;
        struct proto_base64_span *spans = realloc(lift->spans, capacity * sizeof *spans);
        if (!spans)
            return m2c_fail_memory(err, "the videos", capacity * sizeof *spans);
        lift->spans = spans;
        scan->capacity = capacity;
    }
    lift->spans[lift->count++] = (struct proto_base64_span){
        .offset = value->begin, .length = value->end - value->begin, .escapes = value->escapes};
    return M2C_OK;
}

/* Goes past the string that opens at scan->at, and past its value where it is a key `video`. */
static enum m2c_status pass_string(struct scan *scan, struct m2c_error *err)
{
    struct string string = read_string(scan, scan->at);
    scan->at = string.closed ? string.end + 1 : scan->size;
    if (!string.closed || !is_video_key(scan, &string))
        return M2C_OK;
    size_t colon = skip_blanks(scan, scan->at);
    if (colon >= scan->size || scan->text[colon] != ':')
        return M2C_OK;
    size_t quote = skip_blanks(scan, colon + 1);
    if (quote >= scan->size || scan->text[quote] != '"')
        return M2C_OK;
    struct string value = read_string(scan, quote);
    if (!value.closed)
        return M2C_OK;
    scan->at = value.end + 1;
    return keep(scan, &value, err);
}

static enum m2c_status find_videos(struct scan *scan, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    while (status == M2C_OK && scan->at < scan->size) {
        const char *quote = memchr(scan->text + scan->at, '"', scan->size - scan->at);
        if (!quote)
            break;
        scan->at = (size_t)(quote - scan->text);
        status = pass_string(scan, err);
    }
    return status;
}

static size_t number_text(size_t number, char out[MAX_NUMBER])
{
    return (size_t)snprintf(out, MAX_NUMBER, "%zu", number);
}

/* Joins what stands between the videos, with their numbers in their places. */
static enum m2c_status join(struct proto_json_lift *lift, size_t source_size, size_t plain_size,
                            struct m2c_error *err)
{
    char number[MAX_NUMBER];
    size_t capacity, numbers, used = 0, from = 0;
    if (!m2c_checked_multiply(lift->count, MAX_NUMBER, &numbers) ||
        !m2c_checked_add(plain_size, numbers, &capacity))
        return m2c_fail(err, M2C_TOO_LARGE, "the JSON body has too many videos");
    lift->owned = malloc(capacity);
    if (!lift->owned)
        return m2c_fail_memory(err, "the JSON body", capacity);
    for (size_t i = 0; i <= lift->count; i++) {
        size_t to = i < lift->count ? lift->spans[i].offset : source_size;
        memcpy(lift->owned + used, lift->source + from, to - from);
        used += to - from;
        if (i == lift->count)
            break;
        size_t digits = number_text(i, number);
        memcpy(lift->owned + used, number, digits);
        used += digits;
        from = lift->spans[i].offset + lift->spans[i].length;
    }
    lift->text = lift->owned;
    lift->size = used;
    return M2C_OK;
}

enum m2c_status proto_json_lift(const char *source, size_t size, size_t max_plain_bytes,
                                size_t max_videos, struct proto_json_lift *out,
                                struct m2c_error *err)
{
    *out = (struct proto_json_lift){.source = source, .text = source, .size = size};
    struct scan scan = {.text = source, .size = size, .lift = out, .max_videos = max_videos};
    enum m2c_status status = find_videos(&scan, err);
    if (status != M2C_OK)
        return status;
    size_t plain = size;
    for (size_t i = 0; i < out->count; i++)
        plain -= out->spans[i].length;
    if (plain > max_plain_bytes)
        return m2c_fail(err, M2C_TOO_LARGE, "a JSON body may have %zu bytes beside its videos",
                        max_plain_bytes);
    return out->count > 0 ? join(out, size, plain, err) : M2C_OK;
}

void proto_json_lift_destroy(struct proto_json_lift *lift)
{
    free(lift->spans);
    free(lift->owned);
    *lift = (struct proto_json_lift){.source = NULL};
}

size_t proto_json_lift_origin(const struct proto_json_lift *lift, size_t position)
{
    char number[MAX_NUMBER];
    size_t origin = position;
    for (size_t i = 0; i < lift->count && lift->spans[i].offset < origin; i++) {
        size_t digits = number_text(i, number);
        origin = origin + lift->spans[i].length - digits;
    }
    return origin;
}
