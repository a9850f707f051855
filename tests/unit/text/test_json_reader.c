/* The pull reader says yes and no as jansson does. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "text/json_reader.h"

static bool reader_accepts(const char *text, size_t size)
{
    struct m2c_json_reader reader;
    m2c_json_start(&reader, text, size);
    bool accepted = m2c_json_skip(&reader) && m2c_json_at_end(&reader);
    m2c_json_finish(&reader);
    return accepted;
}

static bool jansson_accepts(const char *text, size_t size)
{
    json_t *document = json_loadb(text, size, JSON_DECODE_ANY, NULL);
    json_decref(document);
    return document != NULL;
}

static void documents_are_judged_as_by_jansson(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        " {\"a\" : [1, -2.5e+3, true, null, \"x\"]} ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "[1 2]",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "+1",
        "tru",
        "nul",
        "\"\\u00e9\\n\\/\"",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\u12\"",
        "\"\\x\"",
        "\"a\nb\"",
        "\"abc",
        "\"abc\\",
        "\"abc\\\"",
        "[[[]]]",
        "[[[]]",
        "{\"a\":{}}}",
        "",
        " ",
        "\"\\u0000\"",
        "[\"\\ud83d\\u0041\"]",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        if (reader_accepts(texts[i], strlen(texts[i])) !=
            jansson_accepts(texts[i], strlen(texts[i])))
            fail_msg("they differ on %s", texts[i]);
    }
}

static void damaged_documents_are_judged_as_by_jansson(void **state)
{
    static const char whole[] = "{\"a\": [1, 2.5, \"x\\u00e9\\\"y\"], \"b\": {\"c\": null, \"d\": "
                                "[true, false]}, \"e\": -7}";
    static const char marks[] = "{}[]\",:\\ 0e-ux";
    char text[sizeof whole];
    (void)state;
    for (size_t i = 0; i + 1 < sizeof whole; ++i) {
        assert_int_equal(reader_accepts(whole, i), jansson_accepts(whole, i));
        for (size_t m = 0; m + 1 < sizeof marks; ++m) {
            memcpy(text, whole, sizeof whole);
            text[i] = marks[m];
            if (reader_accepts(text, sizeof whole - 1) != jansson_accepts(text, sizeof whole - 1))
                fail_msg("they differ on %s", text);
        }
    }
}

static void values_are_read_in_turn(void **state)
{
    static const char text[] = "{\"a\\u0062\": 12, \"c\": [\"d\", \"\\ud83d\\ude00\"]}";
    struct m2c_json_reader reader;
    struct m2c_json_text name;
    bool first;
    int32_t value = 0;
    (void)state;
    m2c_json_start(&reader, text, sizeof text - 1);
    assert_true(m2c_json_enter_object(&reader, &first));
    assert_true(m2c_json_next_member(&reader, &first, &name));
    assert_true(m2c_json_text_is(&name, "ab"));
    assert_true(m2c_json_index(&reader, &value));
    assert_int_equal(value, 12);
    assert_true(m2c_json_next_member(&reader, &first, &name));
    bool first_element;
    assert_true(m2c_json_enter_array(&reader, &first_element));
    assert_true(m2c_json_next_element(&reader, &first_element));
    assert_true(m2c_json_string(&reader, &name) && m2c_json_text_is(&name, "d"));
    assert_true(m2c_json_next_element(&reader, &first_element));
    assert_true(m2c_json_string(&reader, &name) && m2c_json_text_is(&name, "\U0001F600"));
    assert_false(m2c_json_next_element(&reader, &first_element));
    assert_false(m2c_json_next_member(&reader, &first, &name));
    assert_null(reader.mistake);
    assert_true(m2c_json_at_end(&reader));
    m2c_json_finish(&reader);
}

static void indices_are_integers_from_zero_on(void **state)
{
    static const char *const wrong[] = {"-1", "1.0", "1e3", "2147483648", "\"1\"", "null", ""};
    struct m2c_json_reader reader;
    int32_t value;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; ++i) {
        m2c_json_start(&reader, wrong[i], strlen(wrong[i]));
        assert_false(m2c_json_index(&reader, &value));
        assert_non_null(reader.mistake);
    }
    m2c_json_start(&reader, "2147483647", 10);
    assert_true(m2c_json_index(&reader, &value));
    assert_int_equal(value, INT32_MAX);
}

static void deep_nesting_is_refused(void **state)
{
    char text[2 * M2C_JSON_DEPTH + 2];
    (void)state;
    memset(text, '[', M2C_JSON_DEPTH + 1);
    memset(text + M2C_JSON_DEPTH + 1, ']', M2C_JSON_DEPTH + 1);
    assert_true(reader_accepts(text + 1, 2 * M2C_JSON_DEPTH));
    assert_false(reader_accepts(text, sizeof text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_judged_as_by_jansson),
        cmocka_unit_test(damaged_documents_are_judged_as_by_jansson),
        cmocka_unit_test(values_are_read_in_turn),
        cmocka_unit_test(indices_are_integers_from_zero_on),
        cmocka_unit_test(deep_nesting_is_refused),
    };
    return cmocka_run_group_tests_name("json_reader", tests, NULL, NULL);
}
