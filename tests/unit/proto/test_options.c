/* Options: every type and range in text and JSON, lists, rules over several options. */
#include "cmocka_plus.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "proto/options.h"
#include "video/sampling.h"

static void start(struct proto_options *options, enum proto_route route)
{
    struct proto_limits limits = proto_limits_default();
    proto_options_init(options, route, &limits);
}

static enum m2c_status set_text(struct proto_options *options, const char *name, const char *value,
                                struct m2c_error *err)
{
    return proto_options_set_text(options, name, value, strlen(value), err);
}

static enum m2c_status set_json(struct proto_options *options, const char *name, const char *value,
                                struct m2c_error *err)
{
    json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    assert_non_null(json);
    enum m2c_status status = proto_options_set_json(options, name, json, err);
    json_decref(json);
    return status;
}

struct value_case {
    enum proto_route route;
    const char *name, *value;
    bool good;
};

typedef enum m2c_status (*setter)(struct proto_options *, const char *, const char *,
                                  struct m2c_error *);

static void run_cases(const struct value_case *cases, size_t count, setter set)
{
    for (size_t i = 0; i < count; i++) {
        struct proto_options options;
        struct m2c_error err = {0};
        start(&options, cases[i].route);
        enum m2c_status status = set(&options, cases[i].name, cases[i].value, &err);
        if ((status == M2C_OK) != cases[i].good)
            fail_msg("case %zu: %s = %s gave %d (%s)", i, cases[i].name, cases[i].value,
                     (int)status, err.detail);
        if (!cases[i].good) {
            assert_int_equal(status, M2C_INVALID_REQUEST);
            assert_memory_equal(err.field, cases[i].name, strlen(cases[i].name));
            assert_true(err.detail[0] != '\0');
        }
        proto_options_destroy(&options);
    }
}

static void text_values_are_strict(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {PROTO_CLASSIFY, "top_k", "0", true},
        {PROTO_CLASSIFY, "top_k", "1000", true},
        {PROTO_CLASSIFY, "top_k", "1001", false},
        {PROTO_CLASSIFY, "top_k", "-1", false},
        {PROTO_CLASSIFY, "top_k", "1.0", false},
        {PROTO_CLASSIFY, "top_k", "+1", false},
        {PROTO_CLASSIFY, "top_k", " 1", false},
        {PROTO_CLASSIFY, "top_k", "01", false},
        {PROTO_CLASSIFY, "top_k", "0x5", false},
        {PROTO_CLASSIFY, "top_k", "", false},
        {PROTO_CLASSIFY, "top_k", "true", false},
        {PROTO_CLASSIFY, "top_k", "2147483648", false},
        {PROTO_CLASSIFY, "top_k", "9007199254740993", false},
        {PROTO_CLASSIFY, "top_k", "99999999999999999999999", false},
        {PROTO_CLASSIFY, "frames", "1", true},
        {PROTO_CLASSIFY, "frames", "64", true},
        {PROTO_CLASSIFY, "frames", "0", false},
        {PROTO_CLASSIFY, "frames", "65", false},
        {PROTO_CLASSIFY, "stride", "uniform", true},
        {PROTO_CLASSIFY, "stride", "0", true},
        {PROTO_CLASSIFY, "stride", "256", true},
        {PROTO_CLASSIFY, "stride", "257", false},
        {PROTO_CLASSIFY, "stride", "Uniform", false},
        {PROTO_CLASSIFY, "views", "3x4", true},
        {PROTO_CLASSIFY, "views", "10x1", true},
        {PROTO_CLASSIFY, "views", "11x1", false},
        {PROTO_CLASSIFY, "views", "0x1", false},
        {PROTO_CLASSIFY, "views", "1x2", false},
        {PROTO_CLASSIFY, "views", "3", false},
        {PROTO_CLASSIFY, "views", "3x4x1", false},
        {PROTO_CLASSIFY, "views", "3X4", false},
        {PROTO_CLASSIFY, "start_s", "1.5", true},
        {PROTO_CLASSIFY, "start_s", "1e1", true},
        {PROTO_CLASSIFY, "start_s", "-1", false},
        {PROTO_CLASSIFY, "start_s", "nan", false},
        {PROTO_CLASSIFY, "start_s", "inf", false},
        {PROTO_CLASSIFY, "start_s", "1e999", false},
        {PROTO_CLASSIFY, "start_s", "1:30", false},
        {PROTO_CLASSIFY, "start_s", ".5", false},
        {PROTO_CLASSIFY, "start_s", "5.", false},
        {PROTO_CLASSIFY, "min_score", "1", true},
        {PROTO_CLASSIFY, "min_score", "1.01", false},
        {PROTO_ZEROSHOT, "min_similarity", "-1", true},
        {PROTO_ZEROSHOT, "min_similarity", "-1.5", false},
        {PROTO_ZEROSHOT, "classes", "true", true},
        {PROTO_ZEROSHOT, "classes", "0", true},
        {PROTO_ZEROSHOT, "classes", "yes", false},
        {PROTO_CLASSIFY, "timeout_ms", "1", true},
        {PROTO_CLASSIFY, "timeout_ms", "300000", true},
        {PROTO_CLASSIFY, "timeout_ms", "300001", false},
        {PROTO_CLASSIFY, "timeout_ms", "0", false},
        {PROTO_CLASSIFY, "model", "default", true},
        {PROTO_CLASSIFY, "model", "", false},
        {PROTO_CLASSIFY, "model", "\xff", false},
        {PROTO_ZEROSHOT, "labels", "   ", false},
        {PROTO_ZEROSHOT, "labels", "\xc2\xa0\xe3\x80\x80", false},
        {PROTO_ZEROSHOT, "labels", "\xed\xa0\x80", false},
        {PROTO_ZEROSHOT, "labels", "\xc0\xaf", false},
        {PROTO_TIMELINE, "window_s", "4", true},
        {PROTO_TIMELINE, "window_s", "0", false},
        {PROTO_TIMELINE, "threshold", "0.5", true},
        {PROTO_FILL_MASK, "text", "a [MASK] dog", true},
    };
    run_cases(cases, sizeof cases / sizeof cases[0], set_text);
}

static void json_values_are_typed(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {PROTO_CLASSIFY, "top_k", "1000", true},
        {PROTO_CLASSIFY, "top_k", "-1", false},
        {PROTO_CLASSIFY, "top_k", "1001", false},
        {PROTO_CLASSIFY, "top_k", "1.0", false},
        {PROTO_CLASSIFY, "top_k", "\"5\"", false},
        {PROTO_CLASSIFY, "top_k", "true", false},
        {PROTO_CLASSIFY, "top_k", "null", false},
        {PROTO_CLASSIFY, "top_k", "2147483648", false},
        {PROTO_CLASSIFY, "top_k", "9007199254740993", false},
        {PROTO_CLASSIFY, "frames", "[8]", false},
        {PROTO_CLASSIFY, "stride", "\"uniform\"", true},
        {PROTO_CLASSIFY, "stride", "16", true},
        {PROTO_CLASSIFY, "stride", "\"16\"", false},
        {PROTO_CLASSIFY, "views", "\"3x4\"", true},
        {PROTO_CLASSIFY, "views", "[3, 4]", false},
        {PROTO_CLASSIFY, "start_s", "2", true},
        {PROTO_CLASSIFY, "start_s", "2.5", true},
        {PROTO_CLASSIFY, "start_s", "\"2.5\"", false},
        {PROTO_CLASSIFY, "start_s", "false", false},
        {PROTO_CLASSIFY, "start_s", "-0.1", false},
        {PROTO_ZEROSHOT, "classes", "true", true},
        {PROTO_ZEROSHOT, "classes", "1", false},
        {PROTO_ZEROSHOT, "classes", "\"true\"", false},
        {PROTO_ZEROSHOT, "truncate", "null", false},
        {PROTO_CLASSIFY, "model", "1", false},
        {PROTO_CLASSIFY, "model", "null", false},
        {PROTO_ZEROSHOT, "labels", "\"dog\"", false},
        {PROTO_ZEROSHOT, "labels", "null", false},
        {PROTO_ZEROSHOT, "labels", "[]", false},
        {PROTO_ZEROSHOT, "labels", "[1]", false},
        {PROTO_ZEROSHOT, "labels", "[null]", false},
        {PROTO_ZEROSHOT, "labels", "[[\"dog\"]]", false},
        {PROTO_ZEROSHOT, "labels", "[\"dog\", \"\"]", false},
        {PROTO_ZEROSHOT, "labels", "[\"dog\", \" \\t\"]", false},
        {PROTO_ZEROSHOT, "labels", "[{\"name\": \"dog\"}]", true},
        {PROTO_ZEROSHOT, "labels", "[{\"texts\": [\"dog\"]}]", false},
        {PROTO_ZEROSHOT, "labels", "[{\"name\": \"dog\", \"texts\": []}]", false},
        {PROTO_ZEROSHOT, "labels", "[{\"name\": \"dog\", \"texts\": \"dog\"}]", false},
        {PROTO_ZEROSHOT, "labels", "[{\"name\": \"dog\", \"id\": 1}]", false},
        {PROTO_ZEROSHOT, "labels", "[{\"name\": \"dog\", \"weight\": 1}]", false},
        {PROTO_ZEROSHOT, "templates", "[]", false},
        {PROTO_ZEROSHOT, "background", "[]", true},
        {PROTO_EMBED, "texts", "[\"a\", \"a\"]", true},
    };
    run_cases(cases, sizeof cases / sizeof cases[0], set_json);
}

static void options_belong_to_routes(void **state)
{
    (void)state;
    static const struct value_case cases[] = {
        {PROTO_CLASSIFY, "labels", "dog", false},       {PROTO_CLASSIFY, "classes", "true", false},
        {PROTO_CLASSIFY, "min_similarity", "0", false}, {PROTO_CLASSIFY, "colour", "red", false},
        {PROTO_CLASSIFY, "Top_K", "5", false},          {PROTO_CLASSIFY, "top-k", "5", false},
        {PROTO_ZEROSHOT, "texts", "dog", false},        {PROTO_EMBED, "top_k", "5", false},
        {PROTO_EMBED, "templates", "a {}", true},       {PROTO_ZEROSHOT, "window_s", "4", false},
        {PROTO_TIMELINE, "labels", "dog", true},        {PROTO_TIMELINE, "text", "dog", false},
        {PROTO_FILL_MASK, "text", "[MASK]", true},
    };
    run_cases(cases, sizeof cases / sizeof cases[0], set_text);
    assert_true(proto_options_known(PROTO_ZEROSHOT, "labels"));
    assert_false(proto_options_known(PROTO_CLASSIFY, "labels"));
}

static void an_unknown_name_of_any_length_is_named(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    char name[300];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    start(&options, PROTO_CLASSIFY);
    assert_int_equal(set_text(&options, name, "1", &err), M2C_INVALID_REQUEST);
    assert_int_equal(strlen(err.field), sizeof err.field - 1);
    proto_options_destroy(&options);
}

static void scalars_are_given_once_and_lists_repeat(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(set_text(&options, "top_k", "3", &err), M2C_OK);
    assert_int_equal(set_text(&options, "top_k", "3", &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "top_k");
    assert_int_equal(set_json(&options, "top_k", "3", &err), M2C_INVALID_REQUEST);
    assert_int_equal(set_text(&options, "labels", "dog", &err), M2C_OK);
    assert_int_equal(set_text(&options, "labels", "cat", &err), M2C_OK);
    assert_int_equal(options.labels.count, 2);
    assert_string_equal(options.labels.items[1].name, "cat");
    assert_int_equal(set_json(&options, "labels", "[\"bird\"]", &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "labels");
    assert_int_equal(set_json(&options, "background", "[\"noise\"]", &err), M2C_OK);
    assert_int_equal(set_text(&options, "background", "more", &err), M2C_INVALID_REQUEST);
    proto_options_destroy(&options);
}

static void labels_keep_order_and_bytes(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(
        set_json(&options, "labels",
                 "[\"\\ud83d\\udc15 running\", {\"name\": \"door\", \"id\": \"d-1\", \"texts\": "
                 "[\"opening a door\", \"a door opens\"]}, \"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d\", "
                 "\"e\xcc\x81\"]",
                 &err),
        M2C_OK);
    assert_int_equal(proto_options_finish(&options, &err), M2C_OK);
    const struct proto_label *labels = options.labels.items;
    assert_int_equal(options.labels.count, 4);
    assert_string_equal(labels[0].name, "\xf0\x9f\x90\x95 running");
    assert_string_equal(labels[0].texts.items[0], labels[0].name);
    assert_null(labels[0].id);
    assert_string_equal(labels[1].name, "door");
    assert_string_equal(labels[1].id, "d-1");
    assert_int_equal(labels[1].texts.count, 2);
    assert_string_equal(labels[1].texts.items[1], "a door opens");
    assert_string_equal(labels[3].name, "e\xcc\x81");
    proto_options_destroy(&options);
}

static enum m2c_status add_labels(struct proto_options *options, int count, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (int i = 0; i < count && status == M2C_OK; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "label %d", i);
        status = set_text(options, "labels", text, err);
    }
    return status;
}

static void a_thousand_labels_and_not_one_more(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(add_labels(&options, 1000, &err), M2C_OK);
    assert_int_equal(proto_options_finish(&options, &err), M2C_OK);
    assert_int_equal(set_text(&options, "labels", "extra", &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "labels");
    proto_options_destroy(&options);
}

static void labels_of_256_bytes_and_not_one_more(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    char text[258];
    memset(text, 'a', sizeof text);
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(proto_options_set_text(&options, "labels", text, 256, &err), M2C_OK);
    assert_int_equal(proto_options_set_text(&options, "labels", text, 257, &err),
                     M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "labels[1]");
    assert_int_equal(proto_options_set_text(&options, "labels", "a\0b", 3, &err),
                     M2C_INVALID_REQUEST);
    proto_options_destroy(&options);
}

struct rule_case {
    enum proto_route route;
    const char *query;
    const char *field; /* NULL: allowed */
};

static void rules_over_several_options(void **state)
{
    (void)state;
    static const struct rule_case cases[] = {
        {PROTO_CLASSIFY, "", NULL},
        {PROTO_ZEROSHOT, "labels=dog&labels=cat", NULL},
        {PROTO_ZEROSHOT, "labels=dog&labels=cat&labels=dog", "labels[2]"},
        {PROTO_ZEROSHOT, "labels=dog&labels=Dog", NULL},
        {PROTO_ZEROSHOT, "labels=dog&label_set=pets", "label_set"},
        {PROTO_ZEROSHOT, "label_set=pets", NULL},
        {PROTO_ZEROSHOT, "templates=a+video+of+%7B%7D&templates={}", NULL},
        {PROTO_ZEROSHOT, "templates={}&templates=a+video", "templates[1]"},
        {PROTO_ZEROSHOT, "templates={}+and+{}", "templates[0]"},
        {PROTO_CLASSIFY, "start_s=1&end_s=2", NULL},
        {PROTO_CLASSIFY, "start_s=2&end_s=2", "end_s"},
        {PROTO_CLASSIFY, "end_s=0", "end_s"},
        {PROTO_CLASSIFY, "views=3x1&stride=16", NULL},
        {PROTO_CLASSIFY, "views=3x1&stride=uniform", "views"},
        {PROTO_CLASSIFY, "views=1x4&stride=uniform", NULL},
        {PROTO_TIMELINE, "threshold=0.2", "threshold_end"},
        {PROTO_TIMELINE, "threshold=0.2&threshold_end=0.2", NULL},
        {PROTO_FILL_MASK, "", "text"},
        {PROTO_FILL_MASK, "text=a+dog", "text"},
        {PROTO_FILL_MASK, "text=a+[MASK]", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proto_options options;
        struct m2c_error err = {0};
        start(&options, cases[i].route);
        assert_int_equal(
            proto_options_set_query(&options, cases[i].query, strlen(cases[i].query), &err),
            M2C_OK);
        enum m2c_status status = proto_options_finish(&options, &err);
        if (status != (cases[i].field ? M2C_INVALID_REQUEST : M2C_OK))
            fail_msg("case %zu (%s) gave %d: %s", i, cases[i].query, (int)status, err.detail);
        if (cases[i].field)
            assert_string_equal(err.field, cases[i].field);
        proto_options_destroy(&options);
    }
}

static void a_text_shared_by_two_labels_is_a_duplicate(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(set_json(&options, "labels",
                              "[\"x\", {\"name\": \"y\", \"texts\": [\"b\", \"c\"]}, "
                              "{\"name\": \"z\", \"texts\": [\"c\"]}]",
                              &err),
                     M2C_OK);
    assert_int_equal(proto_options_finish(&options, &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "labels[2]");
    proto_options_destroy(&options);
}

static void queries_are_decoded_by_us(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    const char *good = "labels=a%20b+c&&labels=%e2%82%ac&top_k=7";
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(proto_options_set_query(&options, good, strlen(good), &err), M2C_OK);
    assert_string_equal(options.labels.items[0].name, "a b c");
    assert_string_equal(options.labels.items[1].name, "\xe2\x82\xac");
    assert_int_equal(options.top_k, 7);
    proto_options_destroy(&options);
    static const char *const bad[] = {
        "labels=%",   "labels=%2", "labels=%zz", "labels=a%00b", "=dog",
        "labels=%ff", "labels",    "labels=",    "%6cabelz=a",   "labels=a&b=c"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        start(&options, PROTO_ZEROSHOT);
        if (proto_options_set_query(&options, bad[i], strlen(bad[i]), &err) != M2C_INVALID_REQUEST)
            fail_msg("%s was accepted", bad[i]);
        proto_options_destroy(&options);
    }
}

static void sampling_overlays_the_sets_own(void **state)
{
    (void)state;
    struct proto_options options;
    struct m2c_error err = {0};
    struct m2c_sampling preferred = m2c_sampling_defaults(), sampling;
    preferred.frames = 16;
    preferred.stride = 4;
    const char *query = "views=3x4&start_s=1.5";
    start(&options, PROTO_CLASSIFY);
    assert_int_equal(proto_options_set_query(&options, query, strlen(query), &err), M2C_OK);
    assert_int_equal(proto_options_sampling(&options, &preferred, &sampling, &err), M2C_OK);
    assert_int_equal(sampling.frames, 16);
    assert_int_equal(sampling.stride, 4);
    assert_int_equal(sampling.temporal_views, 3);
    assert_int_equal(sampling.spatial_views, 4);
    assert_true(fabs(sampling.start_s - 1.5) < 1e-9);
    preferred.stride = 0;
    assert_int_equal(proto_options_sampling(&options, &preferred, &sampling, &err),
                     M2C_INVALID_REQUEST);
    assert_string_equal(err.field, "views");
    proto_options_destroy(&options);
}

static void defaults_are_the_contracts(void **state)
{
    (void)state;
    struct proto_options options;
    struct proto_limits limits = proto_limits_default();
    start(&options, PROTO_CLASSIFY);
    assert_int_equal(options.top_k, 5);
    assert_int_equal(options.timeout_ms, 60000);
    assert_int_equal(options.present, 0);
    start(&options, PROTO_ZEROSHOT);
    assert_int_equal(options.top_k, 100);
    limits.max_timeout_ms = 1000;
    proto_options_init(&options, PROTO_CLASSIFY, &limits);
    assert_int_equal(options.timeout_ms, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_values_are_strict),
        cmocka_unit_test(json_values_are_typed),
        cmocka_unit_test(options_belong_to_routes),
        cmocka_unit_test(an_unknown_name_of_any_length_is_named),
        cmocka_unit_test(scalars_are_given_once_and_lists_repeat),
        cmocka_unit_test(labels_keep_order_and_bytes),
        cmocka_unit_test(a_thousand_labels_and_not_one_more),
        cmocka_unit_test(labels_of_256_bytes_and_not_one_more),
        cmocka_unit_test(rules_over_several_options),
        cmocka_unit_test(a_text_shared_by_two_labels_is_a_duplicate),
        cmocka_unit_test(queries_are_decoded_by_us),
        cmocka_unit_test(sampling_overlays_the_sets_own),
        cmocka_unit_test(defaults_are_the_contracts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
