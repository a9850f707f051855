#include "text/normalization.h"

#include <string.h>
#include <utf8proc.h>

enum {
    FIRST_AFFECTED = 0x300, /* every code point below is its own normal form C */
    LONGEST_DECOMPOSITION = 32,
    SHORT_RUN = 16,
};

static void decompose(int32_t point, utf8proc_option_t options, struct m2c_code_points *out)
{
    utf8proc_int32_t parts[LONGEST_DECOMPOSITION];
    int boundary = 0;
    utf8proc_ssize_t count =
        utf8proc_decompose_char(point, parts, LONGEST_DECOMPOSITION, options, &boundary);
    if (count < 1 || count > LONGEST_DECOMPOSITION)
        m2c_code_points_push(out, point);
    else
        m2c_code_points_append(out, parts, (size_t)count);
}

void m2c_decompose_compatibly(int32_t point, struct m2c_code_points *out)
{
    decompose(point, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT, out);
}

static unsigned combining_class(int32_t point)
{
    return (unsigned)utf8proc_get_property(point)->combining_class & 0xFF;
}

static void sort_short_run(int32_t *run, size_t count)
{
    for (size_t i = 1; i < count; ++i) {
        int32_t moved = run[i];
        size_t to = i;
        for (; to > 0 && combining_class(run[to - 1]) > combining_class(moved); --to)
            run[to] = run[to - 1];
        run[to] = moved;
    }
}

/* A stable counting sort through `spare`. */
static void sort_long_run(int32_t *run, size_t count, struct m2c_code_points *spare)
{
    size_t starts[257] = {0};
    spare->count = 0;
    m2c_code_points_append(spare, run, count);
    if (spare->failed)
        return;
    for (size_t i = 0; i < count; ++i)
        ++starts[combining_class(run[i]) + 1];
    for (size_t class = 1; class < 257; ++class)
        starts[class] += starts[class - 1];
    for (size_t i = 0; i < count; ++i)
        run[starts[combining_class(spare->data[i])]++] = spare->data[i];
}

/* Canonical ordering: each run of combining marks by class, equal classes as they stood. */
static bool order_marks(struct m2c_code_points *points)
{
    struct m2c_code_points spare = {0};
    for (size_t i = 0; i < points->count;) {
        size_t end = i;
        while (end < points->count && combining_class(points->data[end]) != 0)
            ++end;
        if (end - i > SHORT_RUN)
            sort_long_run(points->data + i, end - i, &spare);
        else
            sort_short_run(points->data + i, end - i);
        i = end + 1;
    }
    bool ordered = !spare.failed;
    m2c_code_points_free(&spare);
    return ordered;
}

static bool is_composed_already(const struct m2c_code_points *points)
{
    for (size_t i = 0; i < points->count; ++i) {
        if (points->data[i] >= FIRST_AFFECTED)
            return false;
    }
    return true;
}

void m2c_normalize_nfc(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    out->count = 0;
    if (is_composed_already(in)) {
        m2c_code_points_append(out, in->data, in->count);
        return;
    }
    for (size_t i = 0; i < in->count; ++i)
        decompose(in->data[i], UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, out);
    if (out->failed || !order_marks(out)) {
        out->failed = true;
        return;
    }
    utf8proc_ssize_t count = utf8proc_normalize_utf32(out->data, (utf8proc_ssize_t)out->count,
                                                      UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    if (count >= 0)
        out->count = (size_t)count;
}
