/* JSON bodies and base64 from strangers: what is refused and how. */
#include "cmocka_plus.h"

#include <stdlib.h>
#include <string.h>

#include "proto/base64.h"
#include "proto/json_body.h"

#define BODY(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

struct body {
    const char *bytes;
    size_t size;
};

static void what_is_not_strict_json_is_refused(void **state)
{
    (void)state;
    static const struct body bodies[] = {
        BODY(""),
        BODY("{"),
        BODY("{\"a\": 1,}"),
        BODY("{\"a\": [1,]}"),
        BODY("{\"a\": 1} /* comment */"),
        BODY("\xef\xbb\xbf{\"a\": 1}"),
        BODY("{\"a\": NaN}"),
        BODY("{\"a\": Infinity}"),
        BODY("{\"a\": 1e999}"),
        BODY("{\"a\": 9223372036854775808}"),
        BODY("{\"a\": 01}"),
        BODY("{\"a\": \"\xff\"}"),
        BODY("{\"a\": \"\xc0\xaf\"}"),
        BODY("{\"a\": \"\xed\xa0\x80\"}"),
        BODY("{\"a\": \"\\ud800\"}"),
        BODY("{\"a\": \"\0\"}"),
        BODY("{\"a\": \"\\u0000\"}"),
        BODY("{\"a\": 1} x"),
        BODY("{\"a\": 1}{\"b\": 2}"),
        BODY("{\"a\": 1, \"a\": 2}"),
        BODY("{\"a\": {\"b\": 1, \"b\": 1}}"),
        BODY("[1]"),
        BODY("1"),
        BODY("\"text\""),
        BODY("null"),
        BODY("{'a': 1}"),
        BODY("{\"a\": \"line\nbreak\"}"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct m2c_error err = {0};
        json_t *json = NULL;
        enum m2c_status status =
            proto_json_parse(bodies[i].bytes, bodies[i].size, 1 << 20, &json, &err);
        if (status != M2C_INVALID_REQUEST)
            fail_msg("body %zu gave %d", i, (int)status);
        assert_null(json);
        assert_string_equal(err.context, "");
    }
}

/* {"a": [[[...]]]} with `depth` brackets in all. */
static char *nested(size_t depth, size_t *size)
{
    char *text = malloc(2 * depth + 8);
    size_t at = 0;
    assert_non_null(text);
    memcpy(text, "{\"a\":", 5);
    at = 5;
    memset(text + at, '[', depth - 1);
    at += depth - 1;
    memset(text + at, ']', depth - 1);
    at += depth - 1;
    text[at++] = '}';
    *size = at;
    return text;
}

static void nesting_stops_at_sixteen(void **state)
{
    (void)state;
    static const struct {
        size_t depth;
        enum m2c_status status;
    } cases[] = {{16, M2C_OK},
                 {17, M2C_INVALID_REQUEST},
                 {2048, M2C_INVALID_REQUEST},
                 {2049, M2C_INVALID_REQUEST},
                 {100000, M2C_INVALID_REQUEST}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_error err = {0};
        json_t *json = NULL;
        size_t size;
        char *text = nested(cases[i].depth, &size);
        assert_int_equal(proto_json_parse(text, size, 1 << 20, &json, &err), cases[i].status);
        json_decref(json);
        free(text);
    }
}

static void brackets_in_strings_do_not_nest(void **state)
{
    (void)state;
    struct m2c_error err = {0};
    json_t *json = NULL;
    static const char text[] = "{\"a\": \"[[[[[[[[[[[[[[[[[[[[ \\\" {{{{{{{{{{{{{{{{{{{\"}";
    assert_int_equal(proto_json_parse(text, sizeof text - 1, 1 << 20, &json, &err), M2C_OK);
    json_decref(json);
}

static void one_byte_over_the_limit_is_too_large(void **state)
{
    (void)state;
    struct m2c_error err = {0};
    json_t *json = NULL;
    static const char text[] = "{\"a\": 1}";
    size_t size = sizeof text - 1;
    assert_int_equal(proto_json_parse(text, size, size, &json, &err), M2C_OK);
    json_decref(json);
    assert_int_equal(proto_json_parse(text, size, size - 1, &json, &err), M2C_TOO_LARGE);
}

struct base64_case {
    const char *text;
    const char *bytes; /* NULL: refused */
};

/* Decodes a text in pieces as small as they may be. */
static enum m2c_status decode(const char *text, size_t length, size_t escapes, unsigned char *out,
                              size_t *size, struct m2c_error *err)
{
    const struct proto_base64_span span = {.length = length, .escapes = escapes};
    struct proto_base64_reader reader;
    size_t expected, made = 0, piece = 1;
    enum m2c_status status = proto_base64_size(text, &span, "video", &expected, err);
    proto_base64_start(&reader, text, &span, "video");
    while (status == M2C_OK && piece > 0) {
        status = proto_base64_next(&reader, out + made, 3, &piece, err);
        made += status == M2C_OK ? piece : 0;
    }
    if (status == M2C_OK)
        assert_int_equal(made, expected);
    *size = made;
    return status;
}

static void base64_is_strict(void **state)
{
    (void)state;
    static const struct base64_case cases[] = {
        {"TQ==", "M"},
        {"TWE=", "Ma"},
        {"TWFu", "Man"},
        {"TWFuTQ==", "ManM"},
        {"+/+/", "\xfb\xff\xbf"},
        {"", NULL},
        {"T", NULL},
        {"TQ", NULL},
        {"TQ=", NULL},
        {"TQ===", NULL},
        {"TR==", NULL},
        {"TWF=", NULL},
        {"TWFu\n", NULL},
        {"TW Fu===", NULL},
        {"TW-u", NULL},
        {"TW_u", NULL},
        {"====", NULL},
        {"T===", NULL},
        {"TQ==TQ==", NULL},
        {"=QTM", NULL},
        {"TW\xc3\xa9", NULL},
        {"+\\/+\\/", "\xfb\xff\xbf"},
        {"TWFu\\/\\/\\/\\/TQ==", "Man\xff\xff\xffM"},
        {"TWF\\n", NULL},
        {"TWF\\", NULL},
        {"\\u0054WFu", NULL},
        {"TWF\\\\", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_error err = {0};
        unsigned char out[16] = {0};
        size_t size = 0, length = strlen(cases[i].text);
        size_t escapes = 0;
        for (size_t k = 0; k < length; k++)
            escapes += cases[i].text[k] == '\\';
        enum m2c_status status = decode(cases[i].text, length, escapes, out, &size, &err);
        if ((status == M2C_OK) != (cases[i].bytes != NULL))
            fail_msg("%s gave %d", cases[i].text, (int)status);
        if (!cases[i].bytes) {
            assert_string_equal(err.field, "video");
            continue;
        }
        assert_int_equal(size, strlen(cases[i].bytes));
        assert_memory_equal(out, cases[i].bytes, size);
    }
}

static void base64_decodes_every_byte(void **state)
{
    (void)state;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[1024];
    unsigned char bytes[768], out[768];
    struct m2c_error err = {0};
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7 + i / 256);
    for (size_t i = 0, at = 0; i < sizeof bytes; i += 3) {
        unsigned bits = (unsigned)bytes[i] << 16 | (unsigned)bytes[i + 1] << 8 | bytes[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            text[at++] = alphabet[bits >> shift & 63u];
    }
    size_t size;
    assert_int_equal(decode(text, sizeof text, 0, out, &size, &err), M2C_OK);
    assert_memory_equal(out, bytes, sizeof bytes);
    /* What is decoded may go where the text stood. */
    struct proto_base64_reader reader;
    const struct proto_base64_span span = {.length = sizeof text};
    proto_base64_start(&reader, text, &span, "video");
    assert_int_equal(proto_base64_next(&reader, (unsigned char *)text, sizeof text, &size, &err),
                     M2C_OK);
    assert_int_equal(size, sizeof bytes);
    assert_memory_equal(text, bytes, sizeof bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_strict_json_is_refused),
        cmocka_unit_test(nesting_stops_at_sixteen),
        cmocka_unit_test(brackets_in_strings_do_not_nest),
        cmocka_unit_test(one_byte_over_the_limit_is_too_large),
        cmocka_unit_test(base64_is_strict),
        cmocka_unit_test(base64_decodes_every_byte),
    };
    proto_json_start();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
