#include "proto/base64.h"

#include <stdint.h>

enum { BAD = 64 };

/* The value 0..63 of a character of the alphabet, else BAD. */
static uint32_t sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a' + 26);
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0' + 52);
    if (c == '+')
        return 62;
    return c == '/' ? 63 : BAD;
}

static size_t padding_of(const char *text, size_t length)
{
    if (text[length - 1] != '=')
        return 0;
    return text[length - 2] == '=' ? 2 : 1;
}

enum m2c_status proto_base64_size(const char *text, size_t length, const char *field, size_t *size,
                                  struct m2c_error *err)
{
    if (length == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "the base64 text is empty");
    if (length % 4 != 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "the base64 text has %zu characters, not a multiple of four", length);
    *size = length / 4 * 3 - padding_of(text, length);
    return M2C_OK;
}

static enum m2c_status fail_at(struct m2c_error *err, const char *field, size_t at)
{
    return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                          "the text is not base64 near character %zu", at);
}

/* The last group: two or three characters and padding. */
static enum m2c_status decode_tail(const char *text, size_t at, size_t padding, const char *field,
                                   unsigned char *out, struct m2c_error *err)
{
    uint32_t a = sextet(text[at]), b = sextet(text[at + 1]);
    uint32_t c = padding == 1 ? sextet(text[at + 2]) : 0;
    uint32_t spare = padding == 1 ? c & 3u : b & 15u;
    if (a == BAD || b == BAD || c == BAD || spare != 0)
        return fail_at(err, field, at);
    out[0] = (unsigned char)(a << 2 | b >> 4);
    if (padding == 1)
        out[1] = (unsigned char)((b << 4 | c >> 2) & 0xffu);
    return M2C_OK;
}

enum m2c_status proto_base64_decode(const char *text, size_t length, const char *field,
                                    unsigned char *out, struct m2c_error *err)
{
    size_t size;
    enum m2c_status status = proto_base64_size(text, length, field, &size, err);
    if (status != M2C_OK)
        return status;
    size_t padding = padding_of(text, length);
    size_t whole = padding ? length - 4 : length;
    for (size_t at = 0; at < whole; at += 4) {
        uint32_t a = sextet(text[at]), b = sextet(text[at + 1]);
        uint32_t c = sextet(text[at + 2]), d = sextet(text[at + 3]);
        if ((a | b | c | d) & BAD)
            return fail_at(err, field, at);
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        *out++ = (unsigned char)(bits >> 16);
        *out++ = (unsigned char)(bits >> 8 & 0xffu);
        *out++ = (unsigned char)(bits & 0xffu);
    }
    return padding ? decode_tail(text, whole, padding, field, out, err) : M2C_OK;
}
