#include "text/clean_up.h"

#include <utf8proc.h>

#include "text/html_unescape.h"
#include "text/letter_case.h"
#include "text/repair.h"

bool m2c_is_white_space(int32_t point)
{
    if (point < 0x80)
        return point == ' ' || (point >= '\t' && point <= '\r');
    utf8proc_category_t category = utf8proc_category(point);
    return point == 0x85 || category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP;
}

static bool holds(const struct m2c_code_points *points, int32_t point)
{
    for (size_t i = 0; i < points->count; ++i) {
        if (points->data[i] == point)
            return true;
    }
    return false;
}

static void fold_white_space(const struct m2c_code_points *in, struct m2c_code_points *out)
{
    bool pending = false;
    out->count = 0;
    for (size_t i = 0; i < in->count; ++i) {
        if (m2c_is_white_space(in->data[i])) {
            pending = out->count > 0;
            continue;
        }
        if (pending)
            m2c_code_points_push(out, ' ');
        pending = false;
        m2c_code_points_push(out, in->data[i]);
    }
}

enum m2c_status m2c_clean_up(const char *text, size_t bytes, struct m2c_code_points *out,
                             struct m2c_error *err)
{
    struct m2c_code_points now = {0};
    struct m2c_code_points next = {0};
    enum m2c_status status = m2c_code_points_decode(&now, text, bytes, err);
    if (status != M2C_OK)
        goto out;
    m2c_repair(&now, &next);
    m2c_code_points_swap(&now, &next);
    for (int time = 0; time < 2 && holds(&now, '&'); ++time) {
        next.count = 0;
        m2c_html_unescape(&now, &next);
        m2c_code_points_swap(&now, &next);
    }
    fold_white_space(&now, &next);
    m2c_lower(&next, out);
    if (now.failed || next.failed || out->failed)
        status = m2c_fail_memory(err, "a text's clean-up", bytes);
out:
    m2c_code_points_free(&now);
    m2c_code_points_free(&next);
    return status;
}
