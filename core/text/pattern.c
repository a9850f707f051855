#include "text/pattern.h"

#include <utf8proc.h>

#include "text/byte_symbols.h"
#include "text/clean_up.h"

/* A mark whose capital is the letter iota: blind to case, Python's regex module has it fit neither
 * \p{L}, as a mark, nor the last alternative, as a letter. */
enum { COMBINING_YPOGEGRAMMENI = 0x345 };

enum point_kind { SKIPPED, LETTER, NUMBER, OTHER };

static const char *const literals[] = {
    M2C_START_TOKEN, M2C_END_TOKEN, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d",
};

static enum point_kind kind_of(int32_t point)
{
    if (point < 0x80) {
        if ((point >= 'a' && point <= 'z') || (point >= 'A' && point <= 'Z'))
            return LETTER;
        if (point >= '0' && point <= '9')
            return NUMBER;
        return m2c_is_white_space(point) ? SKIPPED : OTHER;
    }
    if (point == COMBINING_YPOGEGRAMMENI)
        return SKIPPED;
    utf8proc_category_t category = utf8proc_category(point);
    if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO)
        return LETTER;
    if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO)
        return NUMBER;
    return m2c_is_white_space(point) ? SKIPPED : OTHER;
}

/* Lower case already, but for what the pattern's case-blindness takes for an ASCII letter: the long
 * s, which has no lower case of its own. */
static int32_t folded(int32_t point)
{
    return point == 0x17F ? 's' : point;
}

static size_t match_literal(const int32_t *at, size_t count, const char *literal)
{
    size_t length = 0;
    for (; literal[length] != '\0'; ++length) {
        if (length == count || folded(at[length]) != literal[length])
            return 0;
    }
    return length;
}

static size_t match_literals(const int32_t *at, size_t count)
{
    if (at[0] != '\'' && at[0] != '<')
        return 0;
    for (size_t i = 0; i < sizeof literals / sizeof literals[0]; ++i) {
        size_t length = match_literal(at, count, literals[i]);
        if (length > 0)
            return length;
    }
    return 0;
}

bool m2c_next_piece(const struct m2c_code_points *text, size_t from, size_t *start, size_t *end)
{
    size_t i = from;
    while (i < text->count && kind_of(text->data[i]) == SKIPPED)
        ++i;
    if (i == text->count)
        return false;
    *start = i;
    size_t literal = match_literals(text->data + i, text->count - i);
    if (literal > 0) {
        *end = i + literal;
        return true;
    }
    enum point_kind kind = kind_of(text->data[i++]);
    while (kind != NUMBER && i < text->count && kind_of(text->data[i]) == kind)
        ++i;
    *end = i;
    return true;
}
