#include "proto/number_text.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_INTEGER_DIGITS = 18, MAX_NUMBER_CHARACTERS = 40 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t skip_digits(const char *text, size_t length, size_t at)
{
    while (at < length && is_digit(text[at]))
        at++;
    return at;
}

bool proto_text_integer(const char *text, size_t length, int64_t *out)
{
    bool negative = length > 0 && text[0] == '-';
    size_t first = negative ? 1 : 0;
    size_t end = skip_digits(text, length, first);
    size_t digits = end - first;
    if (end != length || digits == 0 || digits > MAX_INTEGER_DIGITS)
        return false;
    if (digits > 1 && text[first] == '0')
        return false;
    int64_t value = 0;
    for (size_t i = first; i < end; i++)
        value = value * 10 + (text[i] - '0');
    *out = negative ? -value : value;
    return true;
}

/* Whether the whole text has the grammar in the header. */
static bool is_number(const char *text, size_t length)
{
    size_t at = length > 0 && text[0] == '-' ? 1 : 0;
    size_t end = skip_digits(text, length, at);
    if (end == at)
        return false;
    if (end < length && text[end] == '.') {
        at = end + 1;
        end = skip_digits(text, length, at);
        if (end == at)
            return false;
    }
    if (end < length && (text[end] == 'e' || text[end] == 'E')) {
        at = end + 1;
        if (at < length && (text[at] == '+' || text[at] == '-'))
            at++;
        end = skip_digits(text, length, at);
        if (end == at)
            return false;
    }
    return end == length;
}

bool proto_text_number(const char *text, size_t length, double *out)
{
    char copy[MAX_NUMBER_CHARACTERS + 1];
    if (length > MAX_NUMBER_CHARACTERS || !is_number(text, length))
        return false;
    memcpy(copy, text, length);
    copy[length] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0)
        return false;
    double value = strtod_l(copy, NULL, plain);
    freelocale(plain);
    if (!isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

bool proto_text_boolean(const char *text, size_t length, bool *out)
{
    *out = is_word(text, length, "true") || is_word(text, length, "1");
    return *out || is_word(text, length, "false") || is_word(text, length, "0");
}

bool proto_text_views(const char *text, size_t length, int64_t *temporal, int64_t *spatial)
{
    const char *cross = memchr(text, 'x', length);
    if (!cross)
        return false;
    size_t before = (size_t)(cross - text);
    return proto_text_integer(text, before, temporal) &&
           proto_text_integer(cross + 1, length - before - 1, spatial) && *temporal >= 0 &&
           *spatial >= 0;
}
