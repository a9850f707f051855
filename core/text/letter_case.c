#include "text/letter_case.h"

#include <utf8proc.h>

enum {
    CAPITAL_SIGMA = 0x3A3,
    SMALL_SIGMA = 0x3C3,
    FINAL_SIGMA = 0x3C2,
    DOTTED_CAPITAL_I = 0x130,
    COMBINING_DOT_ABOVE = 0x307,
};

struct point_range {
    int32_t first;
    int32_t last;
};

/* Unicode's Other_Lowercase and Other_Uppercase outside the categories that never count as cased
 * here, since Case_Ignorable is looked at first. */
static const struct point_range other_cased[] = {
    {0xAA, 0xAA},       {0xBA, 0xBA},       {0x2160, 0x217F},   {0x24B6, 0x24E9},
    {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189},
};

/* Word_Break = MidLetter, MidNumLet and Single_Quote: the part of Case_Ignorable that is not a
 * general category. */
static const struct point_range mid_word[] = {
    {'\'', '\''},     {'.', '.'},       {':', ':'},       {0xB7, 0xB7},
    {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
    {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
    {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A},
};

static bool in_ranges(int32_t point, const struct point_range *ranges, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (point >= ranges[i].first && point <= ranges[i].last)
            return true;
    }
    return false;
}

static bool is_case_ignorable(int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
           category == UTF8PROC_CATEGORY_SK ||
           in_ranges(point, mid_word, sizeof mid_word / sizeof mid_word[0]);
}

static bool is_cased(int32_t point)
{
    utf8proc_category_t category = utf8proc_category(point);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL ||
           category == UTF8PROC_CATEGORY_LT ||
           in_ranges(point, other_cased, sizeof other_cased / sizeof other_cased[0]);
}

/* Unicode's Final_Sigma: a cased letter before, none after, case-ignorable characters skipped. */
static bool is_final_sigma(const struct m2c_code_points *points, size_t index)
{
    size_t before = index;
    while (before > 0 && is_case_ignorable(points->data[before - 1]))
        --before;
    if (before == 0 || !is_cased(points->data[before - 1]))
        return false;
    size_t after = index + 1;
    while (after < points->count && is_case_ignorable(points->data[after]))
        ++after;
    return after == points->count || !is_cased(points->data[after]);
}

void m2c_lower(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    out->count = 0;
    m2c_code_points_reserve(out, in->count);
    for (size_t i = 0; i < in->count; ++i) {
        int32_t point = in->data[i];
        if (point < 0x80) {
            m2c_code_points_push(out, point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point);
        } else if (point == CAPITAL_SIGMA) {
            m2c_code_points_push(out, is_final_sigma(in, i) ? FINAL_SIGMA : SMALL_SIGMA);
        } else if (point == DOTTED_CAPITAL_I) {
            m2c_code_points_push(out, 'i');
            m2c_code_points_push(out, COMBINING_DOT_ABOVE);
        } else {
            m2c_code_points_push(out, utf8proc_tolower(point));
        }
    }
}
