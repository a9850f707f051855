#include "text/html_unescape.h"

#include <string.h>

#include "text/html_entities.h"

enum {
    LONGEST_NAME = 32, /* characters after "&", the semicolon not counted */
    LONGEST_CLOSED_NAME = 24,
    UNICODE_LAST = 0x10FFFF,
    BEYOND_UNICODE = UNICODE_LAST + 1,
    REPLACEMENT = 0xFFFD,
    NOTHING = -1,
};

static const uint16_t c1_meanings[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
};

int32_t m2c_windows_1252(int32_t point)
{
    return point >= 0x80 && point <= 0x9F ? c1_meanings[point - 0x80] : point;
}

/* The character that a numeric reference stands for, NOTHING when it vanishes. */
static int32_t numeric_meaning(int32_t number)
{
    if (number == 0 || number > UNICODE_LAST || (number >= 0xD800 && number <= 0xDFFF))
        return REPLACEMENT;
    if (number >= 0x80 && number <= 0x9F)
        return m2c_windows_1252(number);
    if (number == '\r')
        return number;
    bool control = number < 0x09 || number == 0x0B || (number >= 0x0E && number < 0x20);
    bool noncharacter = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
    return control || number == 0x7F || noncharacter ? NOTHING : number;
}

static int digit_value(int32_t point, int base)
{
    if (point >= '0' && point <= '9')
        return (int)point - '0';
    if (base == 16 && point >= 'a' && point <= 'f')
        return (int)point - 'a' + 10;
    if (base == 16 && point >= 'A' && point <= 'F')
        return (int)point - 'A' + 10;
    return -1;
}

/* A numeric reference `&#...` at `at` (count >= 2): how many code points it takes without its
 * semicolon, 0 when there is none. */
static size_t read_number(const int32_t *at, size_t count, int32_t *number)
{
    bool hexadecimal = count > 2 && (at[2] == 'x' || at[2] == 'X');
    int base = hexadecimal ? 16 : 10;
    size_t first = hexadecimal ? 3 : 2;
    size_t i = first;
    int32_t value = 0;
    for (; i < count && digit_value(at[i], base) >= 0; ++i) {
        if (value < BEYOND_UNICODE)
            value = value * base + digit_value(at[i], base);
    }
    *number = value < BEYOND_UNICODE ? value : BEYOND_UNICODE;
    return i > first ? i : 0;
}

static void push_entity(const int32_t *points, struct m2c_code_points *out)
{
    for (int i = 0; i < M2C_HTML_ENTITY_POINTS && points[i] != 0; ++i)
        m2c_code_points_push(out, points[i]);
}

static bool belongs_to_name(int32_t point)
{
    return point != '\t' && point != '\n' && point != '\f' && point != ' ' && point != '<' &&
           point != '&' && point != '#' && point != ';';
}

/* No name has a character beyond ASCII: '\x7F' stands for those, which no name has either. */
static char name_character(int32_t point)
{
    return point > 0 && point < 0x7F ? (char)point : '\x7F';
}

static size_t read_name(const int32_t *at, size_t count, char name[LONGEST_NAME + 1])
{
    size_t length = 0;
    while (length < LONGEST_NAME && length + 1 < count && belongs_to_name(at[length + 1])) {
        name[length] = name_character(at[length + 1]);
        ++length;
    }
    if (length > 0 && length + 1 < count && at[length + 1] == ';')
        name[length++] = ';';
    return length;
}

/* Writes the reference at `at` (at[0] is '&') and returns the code points taken, 0 for none. */
static size_t unescape_at(const int32_t *at, size_t count, struct m2c_code_points *out)
{
    if (count > 1 && at[1] == '#') {
        int32_t number;
        size_t taken = read_number(at, count, &number);
        if (taken == 0)
            return 0;
        int32_t meaning = numeric_meaning(number);
        if (meaning != NOTHING)
            m2c_code_points_push(out, meaning);
        return taken < count && at[taken] == ';' ? taken + 1 : taken;
    }
    char name[LONGEST_NAME + 1];
    size_t length = read_name(at, count, name);
    for (size_t prefix = length; prefix > 1; --prefix) {
        const int32_t *points = m2c_html5_entity(name, prefix);
        if (points != NULL) {
            push_entity(points, out);
            return prefix + 1;
        }
    }
    return 0;
}

void m2c_html_unescape(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    for (size_t i = 0; i < in->count;) {
        size_t taken = 0;
        if (in->data[i] == '&')
            taken = unescape_at(in->data + i, in->count - i, out);
        if (taken == 0) {
            m2c_code_points_push(out, in->data[i]);
            taken = 1;
        }
        i += taken;
    }
}

static bool is_ascii_alphanumeric(int32_t point)
{
    return (point >= '0' && point <= '9') || (point >= 'a' && point <= 'z') ||
           (point >= 'A' && point <= 'Z');
}

static size_t unescape_closed_number(const int32_t *at, size_t length, struct m2c_code_points *out)
{
    int32_t number;
    if (read_number(at, length, &number) != length - 1)
        return 0;
    int32_t meaning = numeric_meaning(number);
    if (meaning == ';') /* ftfy's test for a reference that was read whole looks for semicolons */
        return 0;
    if (meaning != NOTHING)
        m2c_code_points_push(out, meaning);
    return length;
}

static size_t unescape_closed_at(const int32_t *at, size_t count, struct m2c_code_points *out)
{
    char name[LONGEST_CLOSED_NAME + 1];
    size_t first = count > 1 && at[1] == '#' ? 2 : 1;
    size_t i = first;
    while (i < count && i - first < LONGEST_CLOSED_NAME && is_ascii_alphanumeric(at[i])) {
        name[i - first] = (char)at[i];
        ++i;
    }
    if (i == first || i == count || at[i] != ';')
        return 0;
    if (first == 2)
        return unescape_closed_number(at, i + 1, out);
    name[i - first] = ';';
    const int32_t *points = m2c_html5_entity(name, i);
    if (points == NULL)
        points = m2c_html_capital_entity(name, i);
    if (points == NULL)
        return 0;
    push_entity(points, out);
    return i + 1;
}

void m2c_html_unescape_closed(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    for (size_t i = 0; i < in->count;) {
        size_t taken = 0;
        if (in->data[i] == '&')
            taken = unescape_closed_at(in->data + i, in->count - i, out);
        if (taken == 0) {
            m2c_code_points_push(out, in->data[i]);
            taken = 1;
        }
        i += taken;
    }
}
