#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/label_list.h"
#include "scratch_folder.h"

typedef enum m2c_status (*parser)(const char *file, const char *bytes, size_t size,
                                  struct m2c_label_list *out, struct m2c_error *err);

/* Parses an exact heap block, so that the address sanitizer sees each byte read past it. */
static enum m2c_status parse_exact(parser parse, const char *bytes, size_t size,
                                   struct m2c_label_list *out, struct m2c_error *err)
{
    char *block = malloc(size > 0 ? size : 1);
    assert_non_null(block);
    memcpy(block, bytes, size);
    *err = (struct m2c_error){0};
    enum m2c_status status = parse("labels.csv", block, size, out, err);
    free(block);
    return status;
}

struct good_case {
    const char *text;
    const char *names[4]; /* up to NULL */
};

static void expect_names(parser parse, const struct good_case *row)
{
    struct m2c_label_list list;
    struct m2c_error err;
    if (parse_exact(parse, row->text, strlen(row->text), &list, &err) != M2C_OK)
        fail_msg("\"%s\": %s", row->text, err.detail);
    size_t count = 0;
    for (; row->names[count]; count++) {
        assert_true(count < list.count);
        assert_string_equal(list.names[count], row->names[count]);
    }
    assert_int_equal(list.count, count);
    m2c_label_list_destroy(&list);
    assert_null(list.names);
}

static void both_forms_give_names_by_id(void **state)
{
    (void)state;
    static const struct good_case cases[] = {
        {"id,name\n0,a\n1,b c\n", {"a", "b c", NULL}},
        {"id,name\n1,b\n0,a", {"a", "b", NULL}},
        {"id,name\r\n0,a\r\n1,b\r\n", {"a", "b", NULL}},
        {"\xef\xbb\xbfid,name\n0,a\n", {"a", NULL}},
        {"id,name\n0,\"a, b\"\n1,\"say \"\"hi\"\"\"\n", {"a, b", "say \"hi\"", NULL}},
        {"id,name\n0,\"two\nlines\"\n1,b\n", {"two\nlines", "b", NULL}},
        {"id,name\r\n\"0\",\"a\"\r\n", {"a", NULL}},
        {"id,name\n\n0,a\n\n", {"a", NULL}},
        {"id,name\n0, a \n", {" a ", NULL}},
        {"id,name\n0,\xc3\xa4\n", {"\xc3\xa4", NULL}},
        {"a\nb, c\n", {"a", "b, c", NULL}},
        {"\xef\xbb\xbf"
         "a\r\n\r\nb",
         {"a", "b", NULL}},
        {"a\n  \nb\n", {"a", "b", NULL}},
        {"id,name \n", {"id,name ", NULL}}, /* not exactly the header: a name */
        {"name,id\n", {"name,id", NULL}},
        {"0,a\n\"q\"\n", {"0,a", "\"q\"", NULL}},
        {"x", {"x", NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_names(m2c_label_list_parse, &cases[i]);
}

static void words_are_put_by_their_index(void **state)
{
    (void)state;
    static const struct good_case cases[] = {
        {"a 0\nb 1\n", {"a", "b", NULL}},
        {"b 1\r\na 0", {"a", "b", NULL}},
        {"\xef\xbb\xbf"
         "a\t0\n\nb  1\n",
         {"a", "b", NULL}},
        {"ice cream 0\n", {"ice cream", NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_names(m2c_word_list_parse, &cases[i]);
}

struct bad_case {
    const char *text;
    const char *detail; /* part of it */
};

static void expect_refused(parser parse, const struct bad_case *row)
{
    struct m2c_label_list list;
    struct m2c_error err;
    enum m2c_status status = parse_exact(parse, row->text, strlen(row->text), &list, &err);
    if (status != M2C_BAD_MODEL || !strstr(err.detail, row->detail))
        fail_msg("\"%s\": status %d, detail \"%s\"", row->text, (int)status, err.detail);
    assert_null(list.names);
}

static void bad_labels_are_refused_by_line(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {"", "holds no name"},
        {"\n\n", "holds no name"},
        {"id,name\n", "holds no name"},
        {"\xef\xbb\xbf", "holds no name"},
        {"a\xff", "not UTF-8"},
        {"\xc0\x80", "not UTF-8"},
        {"\xed\xa0\x80", "not UTF-8"},
        {"a\xe2\x82", "not UTF-8"},
        {"id,name\n0,a\n0,b\n", "id 0 is there twice"},
        {"id,name\n0,a\n2,b\n", "ids are not 0..1"},
        {"id,name\n1,a\n", "ids are not 0..0"},
        {"id,name\n-1,a\n", "line 2: there is no id and name"},
        {"id,name\n00,a\n", "line 2: there is no id and name"},
        {"id,name\n0x0,a\n", "line 2: there is no id and name"},
        {"id,name\n99999999999999999999,a\n", "line 2: there is no id and name"},
        {"id,name\n,a\n", "line 2: there is no id and name"},
        {"id,name\n0,a\n1\n", "line 3: there is no id and name"},
        {"id,name\n0,a,b\n", "line 2: there are more than two fields"},
        {"id,name\n0,a,\n", "line 2: there are more than two fields"},
        {"id,name\n0,\n", "line 2: the name is blank"},
        {"id,name\n0,\"  \"\n", "line 2: the name is blank"},
        {"id,name\n0,\"a\n", "line 2: a quoted field has no end"},
        {"id,name\n0,\"a\"b\n", "line 2: there is text behind a quoted field"},
        {"id,name\n0,a\"b\n", "line 2: there is a quote inside a plain field"},
        {"id,name\n0,\"x\ny\"\n1\n", "line 4: there is no id and name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(m2c_label_list_parse, &cases[i]);
}

static void bad_words_are_refused_by_line(void **state)
{
    (void)state;
    static const struct bad_case cases[] = {
        {"", "holds no name"},
        {"a\n", "line 1: there is no word and index"},
        {"a 0\nb x\n", "line 2: there is no word and index"},
        {"a 0\n1\n", "line 2: the name is blank"},
        {"a 0\nb 0\n", "id 0 is there twice"},
        {"a 1\n", "ids are not 0..0"},
        {"a 0 \n", "line 1: there is no word and index"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(m2c_word_list_parse, &cases[i]);
}

static void a_zero_byte_is_no_text(void **state)
{
    (void)state;
    struct m2c_label_list list;
    struct m2c_error err;
    assert_int_equal(parse_exact(m2c_label_list_parse, "a\0b", 3, &list, &err), M2C_BAD_MODEL);
}

static void names_end_at_256_bytes(void **state)
{
    (void)state;
    struct m2c_label_list list;
    struct m2c_error err;
    char text[258];
    memset(text, 'x', sizeof text);
    assert_int_equal(parse_exact(m2c_label_list_parse, text, 256, &list, &err), M2C_OK);
    m2c_label_list_destroy(&list);
    assert_int_equal(parse_exact(m2c_label_list_parse, text, 257, &list, &err), M2C_BAD_MODEL);
    assert_non_null(strstr(err.detail, "exceeds 256 bytes"));
}

static void every_truncation_is_read_or_refused(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbfid,name\r\n0,\"a \"\"b\"\", c\"\r\n1,\xc3\xa4\r\n";
    for (size_t cut = 0; cut < sizeof text - 1; cut++) {
        struct m2c_label_list list;
        struct m2c_error err;
        enum m2c_status status = parse_exact(m2c_label_list_parse, text, cut, &list, &err);
        assert_true(status == M2C_OK || status == M2C_BAD_MODEL);
        m2c_label_list_destroy(&list);
    }
}

static void a_folder_may_have_none(void **state)
{
    (void)state;
    struct scratch scratch;
    struct m2c_label_list list;
    struct m2c_error err;
    scratch_make(&scratch);
    assert_int_equal(m2c_folder_labels(scratch.dir, &list, &err), M2C_OK);
    assert_int_equal(list.count, 0);
    assert_int_equal(m2c_folder_words(scratch.dir, &list, &err), M2C_OK);
    assert_int_equal(list.count, 0);
    scratch_put_text(&scratch, "labels.csv", "id,name\n0,run\n");
    scratch_put_text(&scratch, "cmlm_words.txt", "run 0\nwalk 1\n");
    assert_int_equal(m2c_folder_labels(scratch.dir, &list, &err), M2C_OK);
    assert_string_equal(list.names[0], "run");
    m2c_label_list_destroy(&list);
    assert_int_equal(m2c_folder_words(scratch.dir, &list, &err), M2C_OK);
    assert_string_equal(list.names[1], "walk");
    m2c_label_list_destroy(&list);
    assert_int_equal(m2c_label_list_load(scratch_path(&scratch, "none.csv"), &list, &err),
                     M2C_BAD_MODEL);
    scratch_remove(&scratch);
}

static void names_can_be_generated(void **state)
{
    (void)state;
    struct m2c_label_list list;
    struct m2c_error err;
    assert_int_equal(m2c_label_list_generate("class", 12, &list, &err), M2C_OK);
    assert_int_equal(list.count, 12);
    assert_string_equal(list.names[0], "class_0");
    assert_string_equal(list.names[11], "class_11");
    m2c_label_list_destroy(&list);
    assert_int_equal(m2c_label_list_generate("class", 0, &list, &err), M2C_OK);
    assert_int_equal(list.count, 0);
    m2c_label_list_destroy(&list);
}

static void shared_lists_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t count;
    } cases[] = {{"kinetics400.csv", 400},
                 {"hmdb51.csv", 51},
                 {"ucf101.csv", 101},
                 {"something_v2.csv", 174}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_label_list list;
        struct m2c_error err;
        char path[512];
        (void)snprintf(path, sizeof path, "%s/labels/%s", M2C_TEST_SHARED, cases[i].name);
        FILE *there = fopen(path, "rb");
        if (!there)
            skip();
        (void)fclose(there);
        assert_int_equal(m2c_label_list_load(path, &list, &err), M2C_OK);
        assert_int_equal(list.count, cases[i].count);
        m2c_label_list_destroy(&list);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms_give_names_by_id),
        cmocka_unit_test(words_are_put_by_their_index),
        cmocka_unit_test(bad_labels_are_refused_by_line),
        cmocka_unit_test(bad_words_are_refused_by_line),
        cmocka_unit_test(a_zero_byte_is_no_text),
        cmocka_unit_test(names_end_at_256_bytes),
        cmocka_unit_test(every_truncation_is_read_or_refused),
        cmocka_unit_test(a_folder_may_have_none),
        cmocka_unit_test(names_can_be_generated),
        cmocka_unit_test(shared_lists_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
