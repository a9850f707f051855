/* The clean-up's steps against Python's own (python_rows.jsonl, by make_python_rows.py). */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "text/html_unescape.h"
#include "text/letter_case.h"
#include "text/normalization.h"

enum { ROWS = 600 };

static void decoded(const json_t *row, const char *member, struct m2c_code_points *points)
{
    struct m2c_error err;
    const json_t *text = json_object_get(row, member);
    assert_int_equal(
        m2c_code_points_decode(points, json_string_value(text), json_string_length(text), &err),
        M2C_OK);
}

static void check(void (*step)(const struct m2c_code_points *, struct m2c_code_points *),
                  const char *member)
{
    struct m2c_code_points in = {0};
    struct m2c_code_points out = {0};
    struct m2c_code_points expected = {0};
    size_t rows = 0;
    FILE *file = fopen(M2C_TEXT_ROWS, "re");
    assert_non_null(file);
    json_t *row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
    for (; row != NULL; row = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL)) {
        decoded(row, "text", &in);
        decoded(row, member, &expected);
        out.count = 0;
        step(&in, &out);
        if (out.count != expected.count ||
            memcmp(out.data, expected.data, out.count * sizeof *out.data) != 0)
            fail_msg("%s of \"%s\" differs", member,
                     json_string_value(json_object_get(row, "text")));
        json_decref(row);
        ++rows;
    }
    (void)fclose(file);
    assert_int_equal(rows, ROWS);
    m2c_code_points_free(&in);
    m2c_code_points_free(&out);
    m2c_code_points_free(&expected);
}

static void html_is_unescaped_as_by_python(void **state)
{
    (void)state;
    check(m2c_html_unescape, "unescaped");
}

static void letters_are_lowered_as_by_python(void **state)
{
    (void)state;
    check(m2c_lower, "lower");
}

static void text_is_composed_as_by_python(void **state)
{
    (void)state;
    check(m2c_normalize_nfc, "nfc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_is_unescaped_as_by_python),
        cmocka_unit_test(letters_are_lowered_as_by_python),
        cmocka_unit_test(text_is_composed_as_by_python),
    };
    return cmocka_run_group_tests_name("python_rows", tests, NULL, NULL);
}
