/* Lifting videos out of JSON: what is found, what is left, what cannot be smuggled past. */
#include "cmocka_plus.h"

#include <stdlib.h>
#include <string.h>

#include "proto/json_body.h"
#include "proto/json_lift.h"

struct lift_case {
    const char *source, *left;
    const char *videos[3];
};

static const struct lift_case cases[] = {
    {"{}", "{}", {NULL}},
    {"{\"a\": 1}", "{\"a\": 1}", {NULL}},
    {"{\"video\": \"TWFu\"}", "{\"video\": \"0\"}", {"TWFu"}},
    {"{\"video\":\"\"}", "{\"video\":\"0\"}", {""}},
    {"{\"video\" \t\r\n:\n \"TWFu\" , \"top_k\": 3}",
     "{\"video\" \t\r\n:\n \"0\" , \"top_k\": 3}",
     {"TWFu"}},
    {"{\"inputs\": [{\"video\": \"AAAA\"}, {\"url\": \"video\"}, {\"video\": \"BBBB\"}]}",
     "{\"inputs\": [{\"video\": \"0\"}, {\"url\": \"video\"}, {\"video\": \"1\"}]}",
     {"AAAA", "BBBB"}},
    /* a key is told from a value by its colon, and from a part of another string by its quotes */
    {"{\"label\": \"video\"}", "{\"label\": \"video\"}", {NULL}},
    {"{\"a\": \"\\\"video\\\": \\\"AAAA\\\"\"}",
     "{\"a\": \"\\\"video\\\": \\\"AAAA\\\"\"}",
     {NULL}},
    {"{\"a\\\\\": \"x\", \"video\": \"AAAA\"}", "{\"a\\\\\": \"x\", \"video\": \"0\"}", {"AAAA"}},
    {"{\"videos\": \"AAAA\", \"vide\": \"BBBB\"}",
     "{\"videos\": \"AAAA\", \"vide\": \"BBBB\"}",
     {NULL}},
    /* the name may be spelt by escapes */
    {"{\"vid\\u0065o\": \"AAAA\"}", "{\"vid\\u0065o\": \"0\"}", {"AAAA"}},
    {"{\"\\u0076\\u0069\\u0064\\u0065\\u006F\": \"AAAA\"}",
     "{\"\\u0076\\u0069\\u0064\\u0065\\u006F\": \"0\"}",
     {"AAAA"}},
    {"{\"vid\\u0165o\": \"AAAA\"}", "{\"vid\\u0165o\": \"AAAA\"}", {NULL}},
    {"{\"vide\\u006\": \"AAAA\"}", "{\"vide\\u006\": \"AAAA\"}", {NULL}},
    {"{\"vide\\\": \"AAAA\"}", "{\"vide\\\": \"AAAA\"}", {NULL}},
    /* escapes in the value */
    {"{\"video\": \"A\\/\\/A\", \"x\": \"\"}", "{\"video\": \"0\", \"x\": \"\"}", {"A\\/\\/A"}},
    {"{\"video\": \"A\\\"A\"}", "{\"video\": \"0\"}", {"A\\\"A"}},
    /* other values, and texts that end too early */
    {"{\"video\": 7, \"b\": [\"video\", \"x\"]}",
     "{\"video\": 7, \"b\": [\"video\", \"x\"]}",
     {NULL}},
    {"{\"video\": \"AAAA", "{\"video\": \"AAAA", {NULL}},
    {"{\"video\"", "{\"video\"", {NULL}},
    {"{\"video\":", "{\"video\":", {NULL}},
    {"\"", "\"", {NULL}},
    {"\"\\", "\"\\", {NULL}},
};

static void videos_are_found_where_they_stand(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proto_json_lift lift;
        struct m2c_error err;
        /* A copy of exact size: reading beyond it is caught by sanitizers. */
        size_t size = strlen(cases[i].source), count = 0;
        char *source = malloc(size);
        memcpy(source, cases[i].source, size);
        assert_int_equal(proto_json_lift(source, size, 1 << 20, 65, &lift, &err), M2C_OK);
        if (lift.size != strlen(cases[i].left) || memcmp(lift.text, cases[i].left, lift.size) != 0)
            fail_msg("%s left %.*s", cases[i].source, (int)lift.size, lift.text);
        while (count < 3 && cases[i].videos[count])
            count++;
        assert_int_equal(lift.count, count);
        for (size_t k = 0; k < count; k++) {
            assert_int_equal(lift.spans[k].length, strlen(cases[i].videos[k]));
            assert_memory_equal(source + lift.spans[k].offset, cases[i].videos[k],
                                lift.spans[k].length);
        }
        proto_json_lift_destroy(&lift);
        free(source);
    }
}

static void only_what_is_left_counts_against_the_limit(void **state)
{
    (void)state;
    enum { VIDEO = 1 << 20 };
    char *body = malloc(VIDEO + 64);
    struct proto_json_lift lift;
    struct m2c_error err;
    memcpy(body, "{\"video\": \"", 11);
    memset(body + 11, 'A', VIDEO);
    memcpy(body + 11 + VIDEO, "\"}", 2);
    assert_int_equal(proto_json_lift(body, VIDEO + 13, 13, 1, &lift, &err), M2C_OK);
    assert_int_equal(lift.size, 14);
    assert_int_equal(lift.spans[0].length, VIDEO);
    proto_json_lift_destroy(&lift);
    assert_int_equal(proto_json_lift(body, VIDEO + 13, 12, 1, &lift, &err), M2C_TOO_LARGE);
    proto_json_lift_destroy(&lift);
    memcpy(body, "{\"other\": \"", 11);
    assert_int_equal(proto_json_lift(body, VIDEO + 13, VIDEO, 1, &lift, &err), M2C_TOO_LARGE);
    proto_json_lift_destroy(&lift);
    free(body);
}

static void more_videos_than_may_come_are_refused(void **state)
{
    (void)state;
    const char *body = "[{\"video\":\"\"},{\"video\":\"\"},{\"video\":\"\"}]";
    struct proto_json_lift lift;
    struct m2c_error err;
    assert_int_equal(proto_json_lift(body, strlen(body), 1000, 3, &lift, &err), M2C_OK);
    proto_json_lift_destroy(&lift);
    assert_int_equal(proto_json_lift(body, strlen(body), 1000, 2, &lift, &err),
                     M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "inputs");
    proto_json_lift_destroy(&lift);
}

static void a_million_escapes_take_no_longer_than_their_bytes(void **state)
{
    (void)state;
    enum { SLASHES = 1 << 20 };
    char *body = malloc(2 * SLASHES + 64);
    struct proto_json_lift lift;
    struct m2c_error err;
    memcpy(body, "{\"video\": \"", 11);
    for (size_t i = 0; i < SLASHES; i++)
        memcpy(body + 11 + 2 * i, "\\/", 2);
    memcpy(body + 11 + 2 * SLASHES, "\"}", 2);
    assert_int_equal(proto_json_lift(body, 13 + 2 * SLASHES, 100, 1, &lift, &err), M2C_OK);
    assert_int_equal(lift.spans[0].escapes, SLASHES);
    proto_json_lift_destroy(&lift);
    free(body);
}

static void errors_name_the_byte_of_the_source(void **state)
{
    (void)state;
    const char *body = "{\"video\": \"AAAABBBBCCCC\", \"a\": nope}";
    struct proto_json_lift lift;
    struct m2c_error err;
    json_t *json = NULL;
    assert_int_equal(proto_json_lift(body, strlen(body), 1000, 1, &lift, &err), M2C_OK);
    assert_int_equal(proto_json_parse_lifted(&lift, &json, &err), M2C_INVALID_REQUEST);
    const char *number = strstr(err.detail, "near byte ");
    assert_non_null(number);
    long at = strtol(number + 10, NULL, 10);
    assert_true(at >= strstr(body, "nope") - body && at <= (long)strlen(body));
    proto_json_lift_destroy(&lift);
    const char *twice = "{\"video\": \"AAAA\", \"video\": \"AAAA\"}";
    assert_int_equal(proto_json_lift(twice, strlen(twice), 1000, 2, &lift, &err), M2C_OK);
    assert_int_equal(proto_json_parse_lifted(&lift, &json, &err), M2C_INVALID_REQUEST);
    assert_non_null(strstr(err.detail, "twice"));
    proto_json_lift_destroy(&lift);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(videos_are_found_where_they_stand),
        cmocka_unit_test(only_what_is_left_counts_against_the_limit),
        cmocka_unit_test(more_videos_than_may_come_are_refused),
        cmocka_unit_test(a_million_escapes_take_no_longer_than_their_bytes),
        cmocka_unit_test(errors_name_the_byte_of_the_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
