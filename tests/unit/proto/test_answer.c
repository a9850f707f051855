/* Answers, problems and the list of models, letter by letter. */
#include "cmocka_plus.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "proto/answer.h"
#include "proto/model_list.h"
#include "proto/problem.h"

static char *take(struct proto_writer *writer)
{
    struct m2c_error err = {0};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(proto_writer_take(writer, &text, &length, &err), M2C_OK);
    assert_int_equal(strlen(text), length);
    return text;
}

static void expect_text(struct proto_writer *writer, const char *expected)
{
    char *text = take(writer);
    assert_string_equal(text, expected);
    free(text);
}

static void classify_answer_has_the_contracts_shape(void **state)
{
    (void)state;
    static const struct proto_prediction predictions[] = {
        {.label = "arm wrestling", .index = 6, .score = 0.93f},
        {.label = "say \"hi\"", .label_id = "x", .index = 0, .score = 1e-20f},
    };
    static const int64_t indices[] = {17, 52};
    static const double times[] = {0.607142857, 1.857142857};
    const struct proto_video_facts video = {.id = "v1",
                                            .codec = "h264",
                                            .width = 340,
                                            .height = 256,
                                            .fps = 28.0,
                                            .frames = 280,
                                            .duration_s = 10.0};
    const struct proto_sampling_facts sampling = {.frames = 2,
                                                  .temporal_views = 1,
                                                  .spatial_views = 1,
                                                  .frame_indices = indices,
                                                  .frame_times_s = times};
    const struct proto_answer answer = {
        .id = "r1",
        .model = "default",
        .model_version = "3f9c00000000",
        .precision = "f32",
        .predictions = {predictions, 2},
        .video = &video,
        .sampling = &sampling,
        .timing_ms = {.receive = 1.0, .decode = 41.25, .encode = 390.1239, .total = 433},
        .cache = {.labels_hit = 400},
    };
    struct proto_writer writer = {0};
    proto_answer_write(&writer, &answer);
    expect_text(
        &writer,
        "{\"id\": \"r1\", \"model\": \"default\", \"model_version\": \"3f9c00000000\", "
        "\"precision\": \"f32\", \"warnings\": [], \"predictions\": [{\"label\": \"arm "
        "wrestling\", \"label_id\": null, \"index\": 6, \"score\": 0.93, \"similarity\": null}, "
        "{\"label\": \"say \\\"hi\\\"\", \"label_id\": \"x\", \"index\": 0, \"score\": 1.0e-20, "
        "\"similarity\": null}], \"video\": {\"id\": \"v1\", \"codec\": \"h264\", \"width\": 340, "
        "\"height\": 256, \"rotation\": 0, \"fps\": 28.0, \"frames\": 280, \"duration_s\": 10.0}, "
        "\"sampling\": {\"frames\": 2, \"stride\": \"uniform\", \"views\": \"1x1\", "
        "\"frame_indices\": [[17, 52]], \"frame_times_s\": [[0.607, 1.857]]}, \"timing_ms\": "
        "{\"receive\": 1.0, \"fetch\": 0.0, \"queue\": 0.0, \"decode\": 41.25, \"encode\": "
        "390.124, \"text\": 0.0, \"total\": 433.0}, \"cache\": {\"video\": false, \"labels_hit\": "
        "400, \"labels_miss\": 0}}");
}

static json_t *answer_json(const struct proto_answer *answer)
{
    struct proto_writer writer = {0};
    proto_answer_write(&writer, answer);
    char *text = take(&writer);
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    free(text);
    assert_non_null(json);
    return json;
}

static void embeddings_without_a_video_leave_it_null(void **state)
{
    (void)state;
    static const float vector[] = {0.6f, -0.8f};
    static const struct proto_embedding embeddings[] = {{"a dog", 0, vector}, {NULL, 0, vector}};
    const struct proto_answer answer = {.input = "clip.mp4",
                                        .payload = PROTO_PAYLOAD_EMBEDDINGS,
                                        .embeddings = embeddings,
                                        .embedding_count = 2,
                                        .dim = 2};
    json_t *json = answer_json(&answer);
    assert_true(json_is_null(json_object_get(json, "video")));
    assert_true(json_is_null(json_object_get(json, "sampling")));
    assert_int_equal(json_integer_value(json_object_get(json, "dim")), 2);
    assert_string_equal(json_string_value(json_object_get(json, "input")), "clip.mp4");
    json_t *rows = json_object_get(json, "embeddings");
    json_t *text_row = json_array_get(rows, 0), *video_row = json_array_get(rows, 1);
    assert_string_equal(json_string_value(json_object_get(text_row, "type")), "text");
    assert_string_equal(json_string_value(json_object_get(video_row, "type")), "video");
    assert_true(json_is_null(json_object_get(video_row, "text")));
    double value = json_real_value(json_array_get(json_object_get(text_row, "vector"), 1));
    assert_true((float)value == -0.8f);
    json_decref(json);
}

static void optional_members_appear_when_asked_for(void **state)
{
    (void)state;
    static const struct proto_prediction one = {
        .label = "dog", .score = 0.5f, .has_similarity = true, .similarity = -0.25f};
    static const char *const warnings[] = {"demo_model"};
    const struct proto_answer answer = {.warnings = warnings,
                                        .warning_count = 1,
                                        .unknown = true,
                                        .has_other = true,
                                        .other = 0.125f,
                                        .has_classes = true,
                                        .classes = {&one, 1}};
    json_t *json = answer_json(&answer);
    assert_int_equal(json_array_size(json_object_get(json, "predictions")), 0);
    assert_true(json_is_true(json_object_get(json, "unknown")));
    assert_true(fabs(json_real_value(json_object_get(json, "other")) - 0.125) < 1e-9);
    json_t *class = json_array_get(json_object_get(json, "classes"), 0);
    assert_true(fabs(json_real_value(json_object_get(class, "similarity")) + 0.25) < 1e-9);
    assert_int_equal(json_array_size(json_object_get(json, "warnings")), 1);
    json_decref(json);
}

static void segments_and_masks_take_the_place_of_predictions(void **state)
{
    (void)state;
    static const struct proto_segment segment = {
        .start_s = 1, .end_s = 3, .peak_s = 2, .label = "dog", .index = 4, .score = 0.5f};
    static const struct proto_prediction word = {.label = "cat", .score = 0.5f};
    const struct proto_mask mask = {.position = 5, .predictions = {&word, 1}};
    const struct proto_answer timeline = {
        .payload = PROTO_PAYLOAD_SEGMENTS, .segments = &segment, .segment_count = 1};
    const struct proto_answer fill = {
        .payload = PROTO_PAYLOAD_MASKS, .masks = &mask, .mask_count = 1};
    json_t *json = answer_json(&timeline);
    assert_null(json_object_get(json, "predictions"));
    assert_int_equal(json_array_size(json_object_get(json, "segments")), 1);
    json_decref(json);
    json = answer_json(&fill);
    json_t *row = json_array_get(json_object_get(json, "masks"), 0);
    assert_int_equal(json_integer_value(json_object_get(row, "position")), 5);
    assert_int_equal(json_array_size(json_object_get(row, "predictions")), 1);
    json_decref(json);
}

static void problems_say_what_a_client_may_know(void **state)
{
    (void)state;
    struct m2c_error err = {0};
    struct proto_writer writer = {0};
    (void)m2c_fail_field(&err, M2C_INVALID_REQUEST, "top_k", "top_k is 1001");
    proto_problem_write(&writer, &err, "r1", -1);
    expect_text(&writer, "{\"type\": \"urn:m2clip:problem:invalid_request\", \"title\": \"The "
                         "request is not valid\", \"status\": 400, \"code\": \"invalid_request\", "
                         "\"detail\": \"top_k is 1001\", \"request_id\": \"r1\", \"field\": "
                         "\"top_k\"}");
    (void)m2c_fail(&err, M2C_QUEUE_FULL, "7 requests wait");
    (void)m2c_error_context(&err, "secret");
    proto_problem_write(&writer, &err, "r2", 1500);
    char *text = take(&writer);
    assert_non_null(strstr(text, "\"field\": null, \"retry_after_ms\": 1500"));
    assert_null(strstr(text, "secret"));
    free(text);
}

static void inner_failures_say_nothing(void **state)
{
    (void)state;
    static const enum m2c_status inner[] = {M2C_INTERNAL,  M2C_BAD_MODEL, M2C_IO_FAILED,
                                            M2C_NO_MEMORY, M2C_USAGE,     M2C_CANCELLED};
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        struct m2c_error err = {0};
        struct proto_writer writer = {0};
        (void)m2c_fail_field(&err, inner[i], "secret-field", "secret detail");
        (void)m2c_error_context(&err, "/secret/path");
        proto_problem_write(&writer, &err, "r", -1);
        char *text = take(&writer);
        assert_null(strstr(text, "secret"));
        assert_non_null(strstr(text, "\"status\": 500, \"code\": \"internal\""));
        assert_non_null(strstr(text, m2c_status_title(M2C_INTERNAL)));
        assert_int_equal(proto_problem_http(&err), 500);
        free(text);
    }
}

static void models_are_listed_with_limits(void **state)
{
    (void)state;
    const struct proto_model_entry model = {.name = "default",
                                            .version = "abc",
                                            .precision = "bf16",
                                            .is_default = true,
                                            .has_vc = true,
                                            .has_contrastive = true,
                                            .classes = 400,
                                            .dim = 512,
                                            .frames = 8,
                                            .loaded_at = 86400};
    const struct proto_limit_entry limit = {"max_labels", 1000};
    struct proto_writer writer = {0};
    proto_model_list_write(&writer, &model, 1, &limit, 1);
    expect_text(&writer,
                "{\"models\": [{\"name\": \"default\", \"version\": \"abc\", \"default\": true, "
                "\"heads\": [\"vc\", \"contrastive\"], \"classes\": 400, \"dim\": 512, "
                "\"sampling\": {\"frames\": 8, \"stride\": \"uniform\", \"views\": \"1x1\"}, "
                "\"precision\": \"bf16\", \"loaded_at\": \"1970-01-02T00:00:00Z\"}], \"limits\": "
                "{\"max_labels\": 1000}}");
}

static void strings_are_always_json(void **state)
{
    (void)state;
    struct proto_writer writer = {0};
    proto_writer_array_begin(&writer);
    proto_writer_string(&writer, "a\"b\\c\n\t\x01\x7f");
    proto_writer_string(&writer, "\xf0\x9f\x90\x95 \xff\xc3");
    proto_writer_string(&writer, NULL);
    proto_writer_array_end(&writer);
    expect_text(&writer, "[\"a\\\"b\\\\c\\n\\t\\u0001\x7f\", "
                         "\"\xf0\x9f\x90\x95 \xef\xbf\xbd\xef\xbf\xbd\", null]");
}

struct number_case {
    double value;
    int digits;
    const char *text;
};

static void numbers_are_plain_and_exact(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {0, 7, "0.0"},
        {1, 7, "1.0"},
        {-0.25, 7, "-0.25"},
        {0.1, 7, "0.1"},
        {0.99999999, 7, "1.0"},
        {9.9999996, 7, "10.0"},
        {123456.7, 7, "123456.7"},
        {12345678, 7, "12345680.0"},
        {1e15, 7, "1.0e15"},
        {0.00001234, 7, "0.00001234"},
        {1.5e-7, 7, "1.5e-7"},
        {1.1754944e-38, 9, "1.1754944e-38"},
        {1.4e-45, 2, "1.4e-45"},
        {3.4028235e38, 9, "3.4028235e38"},
        {1000, 7, "1000.0"},
        {1e300, 3, "1.0e300"},
        {5e-324, 3, "4.94e-324"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proto_writer writer = {0};
        proto_writer_number(&writer, cases[i].value, cases[i].digits);
        expect_text(&writer, cases[i].text);
    }
    struct proto_writer writer = {0};
    proto_writer_number(&writer, (double)NAN, 7);
    expect_text(&writer, "null");
    proto_writer_number(&writer, (double)INFINITY, 7);
    expect_text(&writer, "null");
}

static void nine_digits_carry_every_float(void **state)
{
    (void)state;
    uint32_t bits = 1;
    for (int i = 0; i < 200000; i++) {
        float value, back;
        bits = bits * 1664525u + 1013904223u;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        struct proto_writer writer = {0};
        proto_writer_number(&writer, (double)value, 9);
        char *text = take(&writer);
        back = strtof(text, NULL);
        if (back != value)
            fail_msg("%a became %s", (double)value, text);
        free(text);
    }
}

static void fixed_numbers_round(void **state)
{
    (void)state;
    static const struct number_case cases[] = {
        {0, 3, "0.0"},
        {0.0004, 3, "0.0"},
        {-0.0004, 3, "0.0"},
        {0.0006, 3, "0.001"},
        {1.857142857, 3, "1.857"},
        {433, 3, "433.0"},
        {41.25, 3, "41.25"},
        {-1.5, 3, "-1.5"},
        {100, 0, "100.0"},
        {1e12, 3, "1000000000000.0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proto_writer writer = {0};
        proto_writer_fixed(&writer, cases[i].value, cases[i].digits);
        expect_text(&writer, cases[i].text);
    }
}

static void integers_of_all_sizes(void **state)
{
    (void)state;
    struct proto_writer writer = {0};
    proto_writer_array_begin(&writer);
    proto_writer_integer(&writer, 0);
    proto_writer_integer(&writer, INT64_MIN);
    proto_writer_integer(&writer, INT64_MAX);
    proto_writer_array_end(&writer);
    expect_text(&writer, "[0, -9223372036854775808, 9223372036854775807]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classify_answer_has_the_contracts_shape),
        cmocka_unit_test(embeddings_without_a_video_leave_it_null),
        cmocka_unit_test(optional_members_appear_when_asked_for),
        cmocka_unit_test(segments_and_masks_take_the_place_of_predictions),
        cmocka_unit_test(problems_say_what_a_client_may_know),
        cmocka_unit_test(inner_failures_say_nothing),
        cmocka_unit_test(models_are_listed_with_limits),
        cmocka_unit_test(strings_are_always_json),
        cmocka_unit_test(numbers_are_plain_and_exact),
        cmocka_unit_test(nine_digits_carry_every_float),
        cmocka_unit_test(fixed_numbers_round),
        cmocka_unit_test(integers_of_all_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
