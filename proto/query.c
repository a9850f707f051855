#include "proto/query.h"

#include <stdlib.h>
#include <string.h>

#include "proto/options.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum m2c_status proto_percent_decode(char *text, size_t length, size_t *decoded,
                                     struct m2c_error *err)
{
    size_t out = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%') {
            int high = i + 2 < length ? hex_digit(text[i + 1]) : -1;
            int low = i + 2 < length ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || high * 16 + low == 0)
                return m2c_fail(err, M2C_INVALID_REQUEST,
                                "the query has a bad percent escape at character %zu", i);
            c = (char)(high * 16 + low);
            i += 2;
        }
        text[out++] = c;
    }
    *decoded = out;
    return M2C_OK;
}

/* One piece without `&`, writable, with room for a NUL behind it. */
static enum m2c_status walk_piece(char *piece, size_t length, proto_query_pair pair, void *argument,
                                  struct m2c_error *err)
{
    char *equals = memchr(piece, '=', length);
    char *value = equals ? equals + 1 : piece + length;
    size_t name_length = equals ? (size_t)(equals - piece) : length;
    size_t value_length = length - (size_t)(value - piece);
    enum m2c_status status = proto_percent_decode(value, value_length, &value_length, err);
    if (status == M2C_OK)
        status = proto_percent_decode(piece, name_length, &name_length, err);
    if (status != M2C_OK)
        return status;
    if (name_length == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the query holds a value without a name");
    if (equals)
        value[value_length] = '\0';
    piece[name_length] = '\0';
    return pair(argument, piece, value, value_length, err);
}

enum m2c_status proto_query_walk(const char *query, size_t length, proto_query_pair pair,
                                 void *argument, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    if (length == 0)
        return M2C_OK;
    char *copy = malloc(length + 1);
    if (!copy)
        return m2c_fail_memory(err, "the query", length + 1);
    memcpy(copy, query, length);
    copy[length] = '\0';
    for (size_t at = 0; at < length && status == M2C_OK;) {
        const char *end = memchr(copy + at, '&', length - at);
        size_t piece = end ? (size_t)(end - copy) - at : length - at;
        if (piece > 0)
            status = walk_piece(copy + at, piece, pair, argument, err);
        at += piece + 1;
    }
    free(copy);
    return status;
}

static enum m2c_status set_pair(void *argument, const char *name, const char *value,
                                size_t value_length, struct m2c_error *err)
{
    return proto_options_set_text(argument, name, value, value_length, err);
}

enum m2c_status proto_options_set_query(struct proto_options *options, const char *query,
                                        size_t length, struct m2c_error *err)
{
    return proto_query_walk(query, length, set_pair, options, err);
}
