#include "proto/json_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "runtime/checked.h"

enum {
    FIRST_CAPACITY = 1024,
    NUMBER_BYTES = 64,
    /* Exponents that are written out: 0.00001 and 100000000000000.0 still read well. */
    LOWEST_PLAIN_EXPONENT = -5,
    HIGHEST_PLAIN_EXPONENT = 14,
};

void proto_writer_init(struct proto_writer *writer)
{
    *writer = (struct proto_writer){0};
}

void proto_writer_destroy(struct proto_writer *writer)
{
    free(writer->text);
    *writer = (struct proto_writer){0};
}

/* Room for `bytes` more and a closing NUL. */
static bool reserve(struct proto_writer *writer, size_t bytes)
{
    size_t needed;
    if (writer->failed)
        return false;
    if (!m2c_checked_add(writer->length, bytes, &needed) || !m2c_checked_add(needed, 1, &needed))
        goto fail;
    if (needed <= writer->capacity)
        return true;
    size_t capacity = writer->capacity ? writer->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        if (!m2c_checked_multiply(capacity, 2, &capacity))
            goto fail;
    }
    char *text = realloc(writer->text, capacity);
    if (!text)
        goto fail;
    writer->text = text;
    writer->capacity = capacity;
    return true;
fail:
    writer->failed = true;
    return false;
}

static void append(struct proto_writer *writer, const char *bytes, size_t count)
{
    if (!reserve(writer, count))
        return;
    memcpy(writer->text + writer->length, bytes, count);
    writer->length += count;
}

static void value_begin(struct proto_writer *writer)
{
    if (writer->comma)
        append(writer, ", ", 2);
    writer->comma = true;
}

static void open_bracket(struct proto_writer *writer, const char *bracket)
{
    value_begin(writer);
    append(writer, bracket, 1);
    writer->comma = false;
}

static void close_bracket(struct proto_writer *writer, const char *bracket)
{
    append(writer, bracket, 1);
    writer->comma = true;
}

void proto_writer_object_begin(struct proto_writer *writer)
{
    open_bracket(writer, "{");
}

void proto_writer_object_end(struct proto_writer *writer)
{
    close_bracket(writer, "}");
}

void proto_writer_array_begin(struct proto_writer *writer)
{
    open_bracket(writer, "[");
}

void proto_writer_array_end(struct proto_writer *writer)
{
    close_bracket(writer, "]");
}

void proto_writer_key(struct proto_writer *writer, const char *key)
{
    value_begin(writer);
    append(writer, "\"", 1);
    append(writer, key, strlen(key));
    append(writer, "\": ", 3);
    writer->comma = false;
}

static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

static void append_escape(struct proto_writer *writer, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char named[][3] = {"\"\"", "\\\\", "\nn", "\rr", "\tt", "\bb", "\ff"};
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
        if ((unsigned char)named[i][0] == byte) {
            append(writer, (const char[]){'\\', named[i][1]}, 2);
            return;
        }
    }
    append(writer, (const char[]){'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]}, 6);
}

/* One character of two bytes or more, or one byte that begins none; returns the bytes read. */
static size_t append_multibyte(struct proto_writer *writer, const char *at, size_t left)
{
    utf8proc_int32_t code_point;
    utf8proc_ssize_t taken =
        utf8proc_iterate((const utf8proc_uint8_t *)at, (utf8proc_ssize_t)left, &code_point);
    if (taken <= 0) {
        append(writer, "\xEF\xBF\xBD", 3);
        return 1;
    }
    append(writer, at, (size_t)taken);
    return (size_t)taken;
}

void proto_writer_string(struct proto_writer *writer, const char *text)
{
    if (!text) {
        proto_writer_null(writer);
        return;
    }
    value_begin(writer);
    append(writer, "\"", 1);
    size_t length = strlen(text);
    for (size_t i = 0; i < length;) {
        size_t end = i;
        while (end < length && is_plain((unsigned char)text[end]))
            end++;
        append(writer, text + i, end - i);
        i = end;
        if (i == length)
            break;
        if ((unsigned char)text[i] < 0x80)
            append_escape(writer, (unsigned char)text[i++]);
        else
            i += append_multibyte(writer, text + i, length - i);
    }
    append(writer, "\"", 1);
}

void proto_writer_bool(struct proto_writer *writer, bool value)
{
    value_begin(writer);
    append(writer, value ? "true" : "false", value ? 4 : 5);
}

void proto_writer_null(struct proto_writer *writer)
{
    value_begin(writer);
    append(writer, "null", 4);
}

/* The decimal digits of `value` at the end of a buffer of `size`; returns where they begin. */
static char *digits_of(uint64_t value, char *buffer, size_t size)
{
    char *at = buffer + size;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return at;
}

static void append_integer(struct proto_writer *writer, int64_t value)
{
    char buffer[24];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *at = digits_of(magnitude, buffer, sizeof buffer);
    if (value < 0)
        *--at = '-';
    append(writer, at, (size_t)(buffer + sizeof buffer - at));
}

void proto_writer_integer(struct proto_writer *writer, int64_t value)
{
    value_begin(writer);
    append_integer(writer, value);
}

/* 10^exponent for 0 <= exponent <= 400; exact up to 10^27 where long double has 64 bits. */
static long double power_of_ten(int exponent)
{
    long double result = 1.0L, factor = 10.0L;
    while (exponent > 0) {
        if (exponent & 1)
            result *= factor;
        factor *= factor;
        exponent >>= 1;
    }
    return result;
}

static uint64_t scaled(double magnitude, int exponent)
{
    long double value =
        exponent >= 0 ? magnitude * power_of_ten(exponent) : magnitude / power_of_ten(-exponent);
    return (uint64_t)llrintl(value);
}

/* `count` digits with the point after the first `whole` of them (0 or less: leading zeros),
 * trailing zeros of the fraction left out but for one. */
static void append_plain(struct proto_writer *writer, const char *digits, int count, int whole)
{
    static const char zeros[] = "000000000000000";
    while (count > 1 && count > whole && digits[count - 1] == '0')
        count--;
    if (whole <= 0) {
        append(writer, "0.", 2);
        append(writer, zeros, (size_t)-whole);
        append(writer, digits, (size_t)count);
        return;
    }
    if (count <= whole) {
        append(writer, digits, (size_t)count);
        append(writer, zeros, (size_t)(whole - count));
        append(writer, ".0", 2);
        return;
    }
    append(writer, digits, (size_t)whole);
    append(writer, ".", 1);
    append(writer, digits + whole, (size_t)(count - whole));
}

void proto_writer_member_string(struct proto_writer *writer, const char *key, const char *text)
{
    proto_writer_key(writer, key);
    proto_writer_string(writer, text);
}

void proto_writer_member_integer(struct proto_writer *writer, const char *key, int64_t value)
{
    proto_writer_key(writer, key);
    proto_writer_integer(writer, value);
}

void proto_writer_number(struct proto_writer *writer, double value, int digits)
{
    if (!isfinite(value)) {
        proto_writer_null(writer);
        return;
    }
    value_begin(writer);
    if (value == 0.0) {
        append(writer, "0.0", 3);
        return;
    }
    double magnitude = fabs(value);
    int exponent = (int)floor(log10(magnitude));
    uint64_t mantissa = scaled(magnitude, digits - 1 - exponent);
    uint64_t ceiling = (uint64_t)power_of_ten(digits);
    if (mantissa >= ceiling) { /* rounded up to the next power, or log10 fell just short */
        exponent++;
        mantissa = scaled(magnitude, digits - 1 - exponent);
    }
    char buffer[NUMBER_BYTES];
    char *at = digits_of(mantissa, buffer, sizeof buffer);
    int count = (int)(buffer + sizeof buffer - at);
    exponent += count - digits; /* log10 a hair too high gives one digit less */
    if (value < 0)
        append(writer, "-", 1);
    if (exponent >= LOWEST_PLAIN_EXPONENT && exponent <= HIGHEST_PLAIN_EXPONENT) {
        append_plain(writer, at, count, exponent + 1);
        return;
    }
    append_plain(writer, at, count, 1);
    append(writer, "e", 1);
    append_integer(writer, exponent);
}

void proto_writer_fixed(struct proto_writer *writer, double value, int decimals)
{
    double magnitude = fabs(value);
    if (!isfinite(value) || magnitude >= 1e9) {
        proto_writer_number(writer, value, 15);
        return;
    }
    value_begin(writer);
    uint64_t units = scaled(magnitude, decimals);
    if (value < 0 && units != 0)
        append(writer, "-", 1);
    char buffer[NUMBER_BYTES];
    char *at = digits_of(units, buffer, sizeof buffer);
    int count = (int)(buffer + sizeof buffer - at);
    if (units == 0)
        append(writer, "0.0", 3);
    else
        append_plain(writer, at, count, count - decimals);
}

void proto_writer_newline(struct proto_writer *writer)
{
    append(writer, "\n", 1);
    writer->comma = false;
}

void proto_writer_raw(struct proto_writer *writer, const char *text)
{
    append(writer, text, strlen(text));
    writer->comma = false;
}

enum m2c_status proto_writer_take(struct proto_writer *writer, char **text, size_t *length,
                                  struct m2c_error *err)
{
    if (!reserve(writer, 0)) {
        size_t bytes = writer->capacity;
        proto_writer_destroy(writer);
        return m2c_fail_memory(err, "an answer", bytes);
    }
    writer->text[writer->length] = '\0';
    *text = writer->text;
    *length = writer->length;
    *writer = (struct proto_writer){0};
    return M2C_OK;
}
