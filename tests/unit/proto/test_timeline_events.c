/* Events of a timeline as lines, as server-sent events, and segments as WebVTT, letter by letter.
 */
#include "cmocka_plus.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/timeline_events.h"
#include "proto/webvtt.h"

static const struct proto_segment segments[] = {
    {.start_s = 3.0,
     .end_s = 7.25,
     .peak_s = 4.0,
     .label = "arm wrestling",
     .index = 6,
     .score = 0.93f,
     .has_similarity = true,
     .similarity = 0.31f},
    {.start_s = 3661.0005,
     .end_s = 36000.9996,
     .label = "a <b> & c\n--> d",
     .index = 1,
     .score = 1.0f},
};

static void expect_text(struct proto_writer *writer, const char *expected)
{
    struct m2c_error err = {0};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(proto_writer_take(writer, &text, &length, &err), M2C_OK);
    assert_string_equal(text, expected);
    free(text);
}

#define SEGMENT                                                                                    \
    "{\"type\": \"segment\", \"start_s\": 3.0, \"end_s\": 7.25, \"label\": \"arm wrestling\", "    \
    "\"index\": 6, \"score\": 0.93, \"similarity\": 0.31, \"peak_s\": 4.0}"

static void one_event_in_both_forms(void **state)
{
    (void)state;
    struct proto_writer writer = {0};
    proto_event_segment(&writer, PROTO_STREAM_NDJSON, &segments[0]);
    proto_event_segment(&writer, PROTO_STREAM_NDJSON, &segments[0]);
    expect_text(&writer, SEGMENT "\n" SEGMENT "\n");
    proto_event_segment(&writer, PROTO_STREAM_SSE, &segments[0]);
    proto_event_segment(&writer, PROTO_STREAM_SSE, &segments[0]);
    expect_text(&writer,
                "event: segment\ndata: " SEGMENT "\n\nevent: segment\ndata: " SEGMENT "\n\n");
    assert_string_equal(proto_stream_content_type(PROTO_STREAM_SSE), "text/event-stream");
    assert_string_equal(proto_stream_content_type(PROTO_STREAM_NDJSON), "application/x-ndjson");
}

static const struct proto_prediction predictions[] = {{.label = "x", .score = 0.5f}};

static void windows_and_progress_are_told(void **state)
{
    (void)state;
    const struct proto_timeline_window window = {
        .index = 2, .start_s = 4, .end_s = 8, .predictions = {predictions, 1}};
    const struct proto_timeline_progress progress = {3, 10, 8, 22.5};
    struct proto_writer writer = {0};
    proto_event_window(&writer, PROTO_STREAM_NDJSON, &window);
    proto_event_progress(&writer, PROTO_STREAM_NDJSON, &progress);
    expect_text(&writer,
                "{\"type\": \"window\", \"index\": 2, \"start_s\": 4.0, \"end_s\": 8.0, "
                "\"predictions\": [{\"label\": \"x\", \"label_id\": null, \"index\": 0, \"score\": "
                "0.5, \"similarity\": null}]}\n{\"type\": \"progress\", \"windows_done\": 3, "
                "\"windows\": 10, \"time_s\": 8.0, \"duration_s\": 22.5}\n");
    proto_event_keep_alive(&writer, PROTO_STREAM_SSE, &progress);
    expect_text(&writer, ": keep-alive\n\n");
    proto_event_keep_alive(&writer, PROTO_STREAM_NDJSON, &progress);
    expect_text(&writer, "{\"type\": \"progress\", \"windows_done\": 3, \"windows\": 10, "
                         "\"time_s\": 8.0, \"duration_s\": 22.5}\n");
}

static json_t *take_json(struct proto_writer *writer)
{
    struct m2c_error err = {0};
    char *text = NULL;
    size_t length = 0;
    assert_int_equal(proto_writer_take(writer, &text, &length, &err), M2C_OK);
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(json);
    free(text);
    return json;
}

static const struct proto_video_facts video = {.id = "v", .codec = "h264", .duration_s = 22.5};
static const struct proto_sampling_facts sampling = {
    .frames = 8, .temporal_views = 1, .spatial_views = 1};

static void the_start_says_what_will_come(void **state)
{
    (void)state;
    static const char *const warnings[] = {"untrained_model"};
    const struct proto_timeline_start start = {.id = "r",
                                               .model = "default",
                                               .model_version = "3f9c00000000",
                                               .precision = "f32",
                                               .warnings = warnings,
                                               .warning_count = 1,
                                               .window_s = 4,
                                               .hop_s = 2,
                                               .windows = 10,
                                               .video = &video,
                                               .sampling = &sampling};
    struct proto_writer writer = {0};
    proto_event_start(&writer, PROTO_STREAM_NDJSON, &start);
    json_t *json = take_json(&writer);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "start");
    assert_int_equal(json_integer_value(json_object_get(json, "windows")), 10);
    assert_string_equal(json_string_value(json_object_get(json_object_get(json, "video"), "codec")),
                        "h264");
    const json_t *told = json_object_get(json, "sampling");
    assert_int_equal(json_integer_value(json_object_get(told, "frames")), 8);
    assert_int_equal(json_array_size(json_object_get(told, "frame_indices")), 0);
    assert_int_equal(json_array_size(json_object_get(told, "frame_times_s")), 0);
    assert_int_equal(json_object_size(json), 11);
    json_decref(json);
}

static void the_end_is_an_answer_or_a_problem(void **state)
{
    (void)state;
    const struct proto_answer answer = {.id = "r",
                                        .model = "default",
                                        .model_version = "3f9c00000000",
                                        .precision = "f32",
                                        .payload = PROTO_PAYLOAD_SEGMENTS,
                                        .segments = segments,
                                        .segment_count = 2,
                                        .video = &video,
                                        .sampling = &sampling};
    struct proto_writer writer = {0};
    proto_event_done(&writer, PROTO_STREAM_NDJSON, &answer);
    json_t *json = take_json(&writer);
    assert_string_equal(json_string_value(json_object_get(json, "type")), "done");
    assert_int_equal(json_integer_value(json_object_get(json, "segment_count")), 2);
    assert_null(json_object_get(json, "segments"));
    assert_non_null(json_object_get(json, "timing_ms"));
    json_decref(json);
    proto_answer_write(&writer, &answer);
    json = take_json(&writer);
    assert_int_equal(json_array_size(json_object_get(json, "segments")), 2);
    assert_null(json_object_get(json, "segment_count"));
    json_decref(json);
    struct m2c_error error = {.status = M2C_DRAINING, .detail = "the server is going"};
    proto_event_error(&writer, PROTO_STREAM_NDJSON, &error, "r");
    json = take_json(&writer);
    const json_t *problem = json_object_get(json, "error");
    assert_string_equal(json_string_value(json_object_get(json, "type")), "error");
    assert_string_equal(json_string_value(json_object_get(problem, "code")), "draining");
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), 503);
    json_decref(json);
}

static void cues_have_times_labels_and_scores(void **state)
{
    (void)state;
    struct proto_writer writer = {0};
    proto_webvtt_write(&writer, segments, 2);
    expect_text(&writer, "WEBVTT\n\n00:00:03.000 --> 00:00:07.250\narm wrestling 0.93\n\n"
                         "01:01:01.001 --> 10:00:01.000\na &lt;b&gt; &amp; c --&gt; d 1.00\n");
    proto_webvtt_write(&writer, NULL, 0);
    expect_text(&writer, "WEBVTT\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_in_both_forms),
        cmocka_unit_test(windows_and_progress_are_told),
        cmocka_unit_test(the_start_says_what_will_come),
        cmocka_unit_test(the_end_is_an_answer_or_a_problem),
        cmocka_unit_test(cues_have_times_labels_and_scores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
