#include "proto/base64.h"

#include <stdbool.h>
#include <stdint.h>

/* One more than the value of each character of the alphabet; 0 for all others. */
static const unsigned char alphabet[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

enum m2c_status proto_base64_size(const char *text, const struct proto_base64_span *span,
                                  const char *field, size_t *size, struct m2c_error *err)
{
    size_t characters = span->length - span->escapes;
    const char *end = text + span->offset + span->length;
    if (characters == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "the base64 text is empty");
    if (characters % 4 != 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "the base64 text has %zu characters, not a multiple of four",
                              characters);
    size_t padding = end[-1] != '=' ? 0 : end[-2] == '=' ? 2 : 1;
    *size = characters / 4 * 3 - padding;
    return M2C_OK;
}

void proto_base64_start(struct proto_base64_reader *reader, const char *text,
                        const struct proto_base64_span *span, const char *field)
{
    *reader = (struct proto_base64_reader){.text = text,
                                           .begin = span->offset,
                                           .at = span->offset,
                                           .end = span->offset + span->length,
                                           .field = field};
}

static enum m2c_status fail_at(const struct proto_base64_reader *reader, size_t at,
                               struct m2c_error *err)
{
    return m2c_fail_field(err, M2C_INVALID_REQUEST, reader->field,
                          "the text is not base64 near character %zu", at - reader->begin);
}

/* The next four characters, escapes resolved; false where there are none or a wrong escape. */
static bool take_group(struct proto_base64_reader *reader, char group[4])
{
    for (size_t i = 0; i < 4; i++) {
        if (reader->at < reader->end && reader->text[reader->at] == '\\')
            if (++reader->at == reader->end || reader->text[reader->at] != '/')
                return false;
        if (reader->at == reader->end)
            return false;
        group[i] = reader->text[reader->at++];
    }
    return true;
}

static uint32_t value_of(char c)
{
    return alphabet[(unsigned char)c] - 1u;
}

/* A group that has an escape in it or is the last one and padded, or is wrong. */
static enum m2c_status decode_slowly(struct proto_base64_reader *reader, unsigned char *out,
                                     size_t *size, struct m2c_error *err)
{
    char group[4];
    size_t start = reader->at;
    if (!take_group(reader, group))
        return fail_at(reader, start, err);
    size_t padding = 0;
    if (reader->at == reader->end && group[3] == '=')
        padding = group[2] == '=' ? 2 : 1;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4 - padding; i++) {
        if (alphabet[(unsigned char)group[i]] == 0)
            return fail_at(reader, start, err);
        bits |= value_of(group[i]) << (18 - 6 * i);
    }
    if (padding > 0 && (bits & (padding == 1 ? 0xffu : 0xffffu)) != 0)
        return fail_at(reader, start, err);
    *size = 3 - padding;
    for (size_t i = 0; i < *size; i++)
        out[i] = (unsigned char)(bits >> (16 - 8 * i) & 0xffu);
    return M2C_OK;
}

/* Whole groups of plain characters; how many bytes they made. */
static size_t decode_fast(struct proto_base64_reader *reader, unsigned char *out, size_t room)
{
    size_t made = 0;
    while (reader->end - reader->at >= 4 && room - made >= 3) {
        const char *text = reader->text + reader->at;
        uint32_t a = value_of(text[0]), b = value_of(text[1]);
        uint32_t c = value_of(text[2]), d = value_of(text[3]);
        if ((a | b | c | d) > 63)
            break;
        uint32_t bits = a << 18 | b << 12 | c << 6 | d;
        out[made] = (unsigned char)(bits >> 16);
        out[made + 1] = (unsigned char)(bits >> 8 & 0xffu);
        out[made + 2] = (unsigned char)(bits & 0xffu);
        made += 3;
        reader->at += 4;
    }
    return made;
}

enum m2c_status proto_base64_next(struct proto_base64_reader *reader, unsigned char *out,
                                  size_t room, size_t *size, struct m2c_error *err)
{
    size_t made = 0;
    while (reader->at < reader->end) {
        made += decode_fast(reader, out + made, room - made);
        if (room - made < 3 || reader->at == reader->end)
            break;
        size_t more = 0;
        enum m2c_status status = decode_slowly(reader, out + made, &more, err);
        if (status != M2C_OK)
            return status;
        made += more;
    }
    *size = made;
    return M2C_OK;
}
