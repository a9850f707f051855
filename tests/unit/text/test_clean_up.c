/* What a text is before it is split. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "text/clean_up.h"
#include "text/html_entities.h"

struct row {
    const char *text;
    const char *expected;
};

enum { ROOM = 4096 };

/* The cleaned text as UTF-8; the test fails on an error. */
static void cleaned(const char *text, size_t bytes, char out[ROOM])
{
    struct m2c_code_points points = {0};
    struct m2c_error err;
    size_t size = 0;
    assert_int_equal(m2c_clean_up(text, bytes, &points, &err), M2C_OK);
    assert_true(points.count < ROOM / 4);
    for (size_t i = 0; i < points.count; ++i)
        size += m2c_code_point_encode(points.data[i], (uint8_t *)out + size);
    out[size] = '\0';
    m2c_code_points_free(&points);
}

static void check_rows(const struct row *rows, size_t count)
{
    char out[ROOM];
    for (size_t i = 0; i < count; ++i) {
        cleaned(rows[i].text, strlen(rows[i].text), out);
        if (strcmp(out, rows[i].expected) != 0)
            print_error("of \"%s\"\n", rows[i].text);
        assert_string_equal(out, rows[i].expected);
    }
}

#define CHECK(...)                                                                                 \
    do {                                                                                           \
        static const struct row rows[] = {__VA_ARGS__};                                            \
        check_rows(rows, sizeof rows / sizeof rows[0]);                                            \
    } while (0)

static void white_space_is_folded_and_stripped(void **state)
{
    (void)state;
    CHECK({"", ""}, {" ", ""}, {"\t\n\r\f ", ""}, {"  a \t\n b  ", "a b"},
          {"a\u00A0b\u2003c\u3000d\u2028e\u1680f", "a b c d e f"}, {"a\u200Bb", "a\u200Bb"});
}

static void letters_become_lower_case_as_in_python(void **state)
{
    (void)state;
    CHECK({"ABC xyz", "abc xyz"}, {"ÀÉÎ", "àéî"}, {"İstanbul", "i\u0307stanbul"}, {"ẞ", "ß"},
          {"ᾈ", "ᾀ"}, {"Ⓐ", "ⓐ"});
}

static void a_capital_sigma_at_a_words_end_is_final(void **state)
{
    (void)state;
    CHECK({"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"Σ", "σ"}, {"ΑΣ", "ας"}, {"ΑΣ.", "ας."}, {"ΑΣ.Α", "ασ.α"},
          {"Α'Σ", "α'ς"}, {"ΑΣ\u0301 x", "ας\u0301 x"}, {"1Σ", "1σ"}, {"ⅧΣ", "ⅷς"});
}

static void html_is_unescaped_by_the_longest_prefix(void **state)
{
    (void)state;
    CHECK({"a &amp; b", "a & b"}, {"a &amp b", "a & b"}, {"&notit;", "¬it;"}, {"&notin;", "∉"},
          {"&lt;tag&gt;", "<tag>"}, {"&unknown;", "&unknown;"}, {"&", "&"}, {"&;", "&;"},
          {"x&lt", "x<"}, {"&acE;", "\u223E\u0333"}, {"&CounterClockwiseContourIntegral;", "∳"});
}

static void numeric_references_have_pythons_special_cases(void **state)
{
    (void)state;
    CHECK({"&#65;", "a"}, {"&#x41", "a"}, {"&#X41;", "a"}, {"&#128;", "€"}, {"&#x99;", "™"},
          {"&#0;", "\uFFFD"}, {"&#xD800;", "\uFFFD"}, {"&#x110000;", "\uFFFD"},
          {"&#99999999999999999999;", "\uFFFD"}, {"a&#1;b", "ab"}, {"a&#xFFFE;b", "ab"},
          {"a&#13;b", "a b"}, {"&#;", "&#;"}, {"&#x;", "&#x;"}, {"&#59;", ";"});
}

static void html_is_unescaped_twice_behind_a_less_than_sign(void **state)
{
    (void)state;
    CHECK({"< &amp;amp;amp;", "< &amp;"}, {"< &amp;lt;", "< <"}, {"&amp;amp;amp;lt;", "<"},
          {"1 &amp;amp;amp;\n< &amp;amp;amp;\n&amp;amp;amp;", "1 & < &amp; &amp;"});
}

static void names_in_capitals_are_read_where_ftfy_reads_them(void **state)
{
    (void)state;
    CHECK({"P&EACUTE;REZ", "pérez"}, {"P&EACUTE", "p&eacute"}, {"&SZLIG;", "ss"},
          {"< &NTILDE;", "< &ntilde;"});
}

static void quotes_are_straightened(void **state)
{
    (void)state;
    CHECK({"\u2018a\u2019 \u201Cb\u201D", "'a' \"b\""}, {"it\u02BCs", "it's"},
          {"it&rsquo;s", "it's"}, {"\u201Ab\u201B \u201Ec\u201F", "'b' \"c\""},
          {"\u00ABa\u00BB", "\u00ABa\u00BB"});
}

static void ligatures_are_taken_apart(void **state)
{
    (void)state;
    CHECK({"ﬁligature", "filigature"}, {"ﬂuﬃeﬆ", "fluffiest"}, {"Ǆ ǅ ĳ", "dž dž ij"}, {"ŉ", "'n"},
          {"ﬅ", "\u017Ft"}, {"æ œ", "æ œ"});
}

static void full_and_half_width_forms_are_folded(void **state)
{
    (void)state;
    CHECK({"ＡＢＣ　１", "abc 1"}, {"ｶﾞ", "ガ"}, {"Ｕﾀｰﾝ", "uターン"}, {"￥", "¥"},
          {"＆ａｍｐ；", "&"});
}

static void text_is_composed(void **state)
{
    (void)state;
    CHECK({"cafe\u0301", "café"}, {"\u1100\u1161\u11A8", "각"}, {"a\u0323\u0307", "\u1EA1\u0307"},
          {"a\u0307\u0323", "\u1EA1\u0307"}, {"\u212B", "å"}, {"\u0344", "\u0308\u0301"});
}

static void control_characters_vanish(void **state)
{
    char out[ROOM];
    static const char with_nul[] = "a\0b";
    (void)state;
    CHECK({"a\x01\x7F\uFEFF\u206A\uFFF9z", "az"}, {"\x1B[31mred\x1B[0m", "red"},
          {"\x1B[1;2z!", "!"}, {"\x1B[1", "[1"},
          {"a\xC2\x85"
           "b",
           "a…b"},
          {"\xC2\x91"
           "a\xC2\x92",
           "'a'"},
          {"a\vb", "ab"});
    cleaned(with_nul, 3, out);
    assert_string_equal(out, "ab");
}

static void mojibake_is_left_as_it_is(void **state)
{
    (void)state;
    CHECK({"CafÃ©", "cafã©"});
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
    static const char *const texts[] = {"a\x80", "\xC3",         "\xC0\x80",        "\xED\xA0\x80",
                                        "\xFF",  "\xE2\x82 abc", "\xF4\x90\x80\x80"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; ++i) {
        struct m2c_code_points points = {0};
        struct m2c_error err;
        assert_int_equal(m2c_clean_up(texts[i], strlen(texts[i]), &points, &err),
                         M2C_INVALID_REQUEST);
        assert_non_null(strstr(err.detail, "not valid UTF-8"));
        m2c_code_points_free(&points);
    }
}

static double cpu_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Each of these is quadratic in a plain implementation: 256 KiB would take minutes. */
static void hostile_texts_take_time_in_proportion(void **state)
{
    static const char *const patterns[] = {"\u0301\u0316", "&amp;",     "&", "&#", "\x1B[1",
                                           "Σ'",           "&amp;amp;", "<", "\n", "ΑΣ"};
    static char text[256 << 10];
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; ++i) {
        struct m2c_code_points points = {0};
        struct m2c_error err;
        size_t length = strlen(patterns[i]);
        size_t size = 0;
        for (; size + length <= sizeof text; size += length)
            memcpy(text + size, patterns[i], length);
        double before = cpu_ms();
        assert_int_equal(m2c_clean_up(text, size, &points, &err), M2C_OK);
        assert_true(cpu_ms() - before < 5000);
        m2c_code_points_free(&points);
    }
}

static void the_entity_table_is_found_by_whole_names(void **state)
{
    (void)state;
    assert_int_equal(m2c_html5_entity("amp", 3)[0], '&');
    assert_int_equal(m2c_html5_entity("AElig", 5)[0], 0xC6);
    assert_int_equal(m2c_html5_entity("zwnj;", 5)[0], 0x200C);
    assert_null(m2c_html5_entity("am", 2));
    assert_null(m2c_html5_entity("ampx", 4));
    assert_null(m2c_html5_entity("", 0));
    assert_null(m2c_html5_entity("a name that is longer than any other one", 40));
    assert_int_equal(m2c_html_capital_entity("FFILIG;", 7)[2], 'I');
    assert_null(m2c_html_capital_entity("AMP;", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_is_folded_and_stripped),
        cmocka_unit_test(letters_become_lower_case_as_in_python),
        cmocka_unit_test(a_capital_sigma_at_a_words_end_is_final),
        cmocka_unit_test(html_is_unescaped_by_the_longest_prefix),
        cmocka_unit_test(numeric_references_have_pythons_special_cases),
        cmocka_unit_test(html_is_unescaped_twice_behind_a_less_than_sign),
        cmocka_unit_test(names_in_capitals_are_read_where_ftfy_reads_them),
        cmocka_unit_test(quotes_are_straightened),
        cmocka_unit_test(ligatures_are_taken_apart),
        cmocka_unit_test(full_and_half_width_forms_are_folded),
        cmocka_unit_test(text_is_composed),
        cmocka_unit_test(control_characters_vanish),
        cmocka_unit_test(mojibake_is_left_as_it_is),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
        cmocka_unit_test(hostile_texts_take_time_in_proportion),
        cmocka_unit_test(the_entity_table_is_found_by_whole_names),
    };
    return cmocka_run_group_tests_name("clean_up", tests, NULL, NULL);
}
