/* JSON requests of video routes: where the videos come from. */
#include "cmocka_plus.h"

#include <string.h>

#include "proto/json_body.h"
#include "proto/video_request.h"

struct request_case {
    enum proto_route route;
    const char *body;
    const char *field; /* NULL: accepted */
};

static const struct request_case cases[] = {
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\"}", NULL},
    {PROTO_CLASSIFY, "{\"url\": \"https://host/a.mp4\", \"top_k\": 3}", NULL},
    {PROTO_CLASSIFY, "{\"video_id\": \"abc\"}", NULL},
    {PROTO_CLASSIFY, "{\"inputs\": [{\"video\": \"TWFu\"}, {\"video_id\": \"abc\"}]}", NULL},
    {PROTO_CLASSIFY, "{}", "video"},
    {PROTO_CLASSIFY, "{\"top_k\": 3}", "video"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"url\": \"https://host/a.mp4\"}", "url"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"video_id\": \"abc\"}", "video_id"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"inputs\": [{\"video\": \"TWFu\"}]}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": [{\"video\": \"TWFu\"}], \"url\": \"https://h/\"}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": []}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": {}}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": [1]}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": [{}]}", "inputs"},
    {PROTO_CLASSIFY, "{\"inputs\": [{\"video\": \"TWFu\"}, {\"video\": 1}]}", "inputs[1].video"},
    {PROTO_CLASSIFY, "{\"inputs\": [{\"video\": \"TWFu\", \"top_k\": 1}]}", "inputs[0].top_k"},
    {PROTO_CLASSIFY, "{\"video\": null}", "video"},
    {PROTO_CLASSIFY, "{\"url\": null}", "url"},
    {PROTO_CLASSIFY, "{\"url\": [\"https://host/\"]}", "url"},
    {PROTO_CLASSIFY, "{\"url\": \"\"}", "url"},
    {PROTO_CLASSIFY, "{\"video_id\": 7}", "video_id"},
    {PROTO_CLASSIFY, "{\"video\": \"\"}", "video"},
    {PROTO_CLASSIFY, "{\"video\": \"not base64\"}", "video"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"labels\": [\"dog\"]}", "labels"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"foo\": 1}", "foo"},
    {PROTO_CLASSIFY, "{\"video\": \"TWFu\", \"top_k\": \"5\"}", "top_k"},
    {PROTO_TIMELINE, "{\"video_id\": \"abc\"}", "video_id"},
    {PROTO_TIMELINE, "{\"video\": \"TWFu\"}", NULL},
    {PROTO_EMBED, "{\"texts\": [\"a dog\"]}", NULL},
    {PROTO_EMBED, "{\"texts\": [\"a dog\"], \"video\": \"TWFu\"}", NULL},
    {PROTO_EMBED, "{}", "video"},
    {PROTO_FILL_MASK, "{\"text\": \"a [MASK]\", \"video_id\": \"abc\"}", NULL},
    {PROTO_FILL_MASK, "{\"text\": \"a [MASK]\"}", "video"},
};

/* Lifts, parses and reads a body as the server does. */
static enum m2c_status read_body(const char *body, struct proto_options *options,
                                 struct proto_json_lift *lift, struct proto_video_request *request,
                                 struct m2c_error *err)
{
    json_t *json = NULL;
    assert_int_equal(proto_json_lift(body, strlen(body), 1 << 20, 65, lift, err), M2C_OK);
    assert_int_equal(proto_json_parse_lifted(lift, &json, err), M2C_OK);
    enum m2c_status status = proto_video_request_read(json, lift, options, request, err);
    json_decref(json);
    return status;
}

static void a_request_names_exactly_one_source(void **state)
{
    (void)state;
    struct proto_limits limits = proto_limits_default();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct m2c_error err = {0};
        struct proto_options options;
        struct proto_video_request request;
        struct proto_json_lift lift;
        const char *body = cases[i].body;
        proto_options_init(&options, cases[i].route, &limits);
        enum m2c_status status = read_body(body, &options, &lift, &request, &err);
        if (status != (cases[i].field ? M2C_INVALID_REQUEST : M2C_OK))
            fail_msg("%s gave %d (%s)", body, (int)status, err.detail);
        if (cases[i].field)
            assert_string_equal(err.field, cases[i].field);
        proto_video_request_destroy(&request);
        proto_options_destroy(&options);
        proto_json_lift_destroy(&lift);
    }
}

static void inputs_keep_their_order(void **state)
{
    (void)state;
    struct proto_limits limits = proto_limits_default();
    struct m2c_error err = {0};
    struct proto_options options;
    struct proto_video_request request;
    struct proto_json_lift lift;
    char field[64];
    const char *body = "{\"inputs\": [{\"video\": \"TWE=\"}, {\"url\": \"http://h/x\"}, "
                       "{\"video_id\": \"v1\"}, {\"video\" : \"AAAA\"}]}";
    proto_options_init(&options, PROTO_CLASSIFY, &limits);
    assert_int_equal(read_body(body, &options, &lift, &request, &err), M2C_OK);
    assert_true(request.many);
    assert_int_equal(request.count, 4);
    assert_int_equal(request.inputs[0].kind, PROTO_INPUT_BYTES);
    assert_int_equal(request.inputs[0].size, 2);
    assert_memory_equal(body + request.inputs[0].span.offset, "TWE=", 4);
    assert_memory_equal(body + request.inputs[3].span.offset, "AAAA", 4);
    proto_video_request_field(&request, 3, field);
    assert_string_equal(field, "inputs[3].video");
    assert_string_equal(request.inputs[1].url, "http://h/x");
    assert_string_equal(request.inputs[2].video_id, "v1");
    proto_video_request_destroy(&request);
    proto_json_lift_destroy(&lift);
}

static void sixty_four_inputs_and_not_one_more(void **state)
{
    (void)state;
    struct proto_limits limits = proto_limits_default();
    for (int count = 64; count <= 65; count++) {
        struct m2c_error err = {0};
        struct proto_options options;
        struct proto_video_request request;
        json_t *array = json_array(), *json = json_object();
        for (int i = 0; i < count; i++)
            assert_int_equal(json_array_append_new(array, json_pack("{s:s}", "video_id", "v")), 0);
        assert_int_equal(json_object_set_new(json, "inputs", array), 0);
        proto_options_init(&options, PROTO_CLASSIFY, &limits);
        const struct proto_json_lift nothing = {.count = 0};
        assert_int_equal(proto_video_request_read(json, &nothing, &options, &request, &err),
                         count == 64 ? M2C_OK : M2C_INVALID_REQUEST);
        proto_video_request_destroy(&request);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_names_exactly_one_source),
        cmocka_unit_test(inputs_keep_their_order),
        cmocka_unit_test(sixty_four_inputs_and_not_one_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
