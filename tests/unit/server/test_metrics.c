/* Counters that add up, histograms, and the text that tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "server/observe/metrics.h"
#include "server/observe/process_facts.h"

static struct m2c_error err;

static char *text_of(const struct srv_metrics *metrics)
{
    struct srv_exposition exposition;
    char *text = NULL;
    size_t size = 0;
    srv_exposition_open(&exposition);
    srv_metrics_write(metrics, &exposition);
    assert_int_equal(srv_exposition_take(&exposition, &text, &size, &err), M2C_OK);
    assert_int_equal(strlen(text), size);
    return text;
}

static void assert_line(const char *text, const char *line)
{
    size_t size = strlen(line);
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        if ((at == text || at[-1] == '\n') && at[size] == '\n')
            return;
    fail_msg("no line %s in\n%s", line, text);
}

static const struct srv_record answered = {.id = "r",
                                           .method = "POST",
                                           .client = "c",
                                           .route = "/v1/classify",
                                           .accepted = true,
                                           .outcome = SRV_ANSWERED,
                                           .http_status = 200,
                                           .retry_after_ms = -1,
                                           .body_bytes = 100,
                                           .reply_bytes = 10,
                                           .receive_ms = 1.0,
                                           .queue_ms = 2.5,
                                           .decode_ms = 40.0,
                                           .encode_ms = 400.0,
                                           .text_ms = -1.0,
                                           .total_ms = 450.0};

static void end(struct srv_metrics *metrics, bool accepted, enum srv_outcome outcome, int http,
                enum m2c_status status)
{
    struct srv_record record = answered;
    record.accepted = accepted;
    record.outcome = outcome;
    record.http_status = http;
    record.error.status = status;
    if (accepted)
        srv_metrics_accepted(metrics);
    srv_metrics_request(metrics, &record);
}

static void every_request_ends_in_one_count(void **state)
{
    (void)state;
    struct srv_metrics *metrics = NULL;
    assert_int_equal(srv_metrics_new(&metrics, &err), M2C_OK);
    for (int i = 0; i < 3; i++)
        srv_metrics_accepted(metrics);
    srv_metrics_request(metrics, &answered);
    end(metrics, true, SRV_ANSWERED, 422, M2C_NO_VIDEO);
    end(metrics, true, SRV_EXPIRED, 504, M2C_DEADLINE);
    end(metrics, true, SRV_GONE, 0, M2C_OK);
    end(metrics, true, SRV_GONE, 200, M2C_OK);
    end(metrics, false, SRV_ANSWERED, 503, M2C_QUEUE_FULL);
    end(metrics, false, SRV_ANSWERED, 500, M2C_BAD_MODEL);
    end(metrics, false, SRV_ANSWERED, 500, M2C_NO_MEMORY);
    assert_int_equal(srv_metrics_under_way(metrics), 2);
    char *text = text_of(metrics);
    assert_line(text, "m2clip_requests_accepted_total 7");
    assert_line(text, "m2clip_requests_answered_total 2");
    assert_line(text, "m2clip_requests_expired_total{reason=\"deadline\"} 1");
    assert_line(text, "m2clip_requests_gone_total{during=\"receiving\"} 0");
    assert_line(text, "m2clip_requests_gone_total{during=\"working\"} 1");
    assert_line(text, "m2clip_requests_gone_total{during=\"replying\"} 1");
    assert_line(text, "m2clip_requests_under_way 2");
    assert_line(text, "m2clip_requests_refused_total{reason=\"queue_full\"} 1");
    assert_line(text, "m2clip_requests_refused_total{reason=\"internal\"} 2");
    assert_line(text, "m2clip_problems_total{reason=\"no_video\"} 1");
    assert_line(text,
                "m2clip_requests_total{method=\"POST\",route=\"/v1/classify\",code=\"200\"} 2");
    assert_line(text,
                "m2clip_requests_total{method=\"POST\",route=\"/v1/classify\",code=\"none\"} 1");
    assert_line(text, "m2clip_received_bytes_total 800");
    free(text);
    srv_metrics_free(&metrics);
    srv_metrics_free(&metrics);
}

static void stages_that_were_reached_are_timed(void **state)
{
    (void)state;
    struct srv_metrics *metrics = NULL;
    struct srv_record quiet = answered;
    quiet.quiet = true;
    assert_int_equal(srv_metrics_new(&metrics, &err), M2C_OK);
    srv_metrics_request(metrics, &answered);
    srv_metrics_request(metrics, &quiet);
    srv_metrics_observe(metrics, SRV_HISTOGRAM_QUEUE, 1000.0);
    char *text = text_of(metrics);
    assert_line(text, "m2clip_request_receive_seconds_bucket{le=\"0.001\"} 1");
    assert_line(text, "m2clip_request_queue_seconds_bucket{le=\"0.001\"} 0");
    assert_line(text, "m2clip_request_queue_seconds_bucket{le=\"0.0025\"} 1");
    assert_line(text, "m2clip_request_queue_seconds_bucket{le=\"300\"} 1");
    assert_line(text, "m2clip_request_queue_seconds_bucket{le=\"+Inf\"} 2");
    assert_line(text, "m2clip_request_queue_seconds_count 2");
    assert_line(text, "m2clip_request_queue_seconds_sum 1000.0025");
    assert_line(text, "m2clip_request_text_seconds_count 0");
    assert_line(text, "m2clip_request_total_seconds_count 1");
    free(text);
    srv_metrics_free(&metrics);
}

static void methods_and_routes_have_rows_of_their_own(void **state)
{
    (void)state;
    struct srv_metrics *metrics = NULL;
    struct srv_record record = answered;
    char routes[100][16];
    assert_int_equal(srv_metrics_new(&metrics, &err), M2C_OK);
    record.route = NULL;
    record.method = "";
    record.http_status = 404;
    srv_metrics_request(metrics, &record);
    record.route = "/v1/x";
    record.method = "PUT";
    srv_metrics_request(metrics, &record);
    record.method = "GET";
    srv_metrics_request(metrics, &record);
    srv_metrics_request(metrics, &record);
    char *text = text_of(metrics);
    assert_line(text, "m2clip_requests_total{method=\"\",route=\"\",code=\"404\"} 1");
    assert_line(text, "m2clip_requests_total{method=\"PUT\",route=\"/v1/x\",code=\"404\"} 1");
    assert_line(text, "m2clip_requests_total{method=\"GET\",route=\"/v1/x\",code=\"404\"} 2");
    free(text);
    /* More routes than there is room for are counted together. */
    for (int i = 0; i < 100; i++) {
        (void)snprintf(routes[i], sizeof routes[i], "/r%d", i);
        record.route = routes[i];
        srv_metrics_request(metrics, &record);
    }
    text = text_of(metrics);
    assert_line(text, "m2clip_requests_total{method=\"GET\",route=\"/r60\",code=\"404\"} 40");
    free(text);
    srv_metrics_free(&metrics);
}

static void reloads_are_counted_by_result(void **state)
{
    (void)state;
    struct srv_metrics *metrics = NULL;
    assert_int_equal(srv_metrics_new(&metrics, &err), M2C_OK);
    srv_metrics_reload(metrics, "certificate", true);
    srv_metrics_reload(metrics, "keys", false);
    srv_metrics_reload(metrics, "certificate", true);
    char *text = text_of(metrics);
    assert_line(text, "m2clip_reloads_total{what=\"certificate\",result=\"ok\"} 2");
    assert_line(text, "m2clip_reloads_total{what=\"certificate\",result=\"failed\"} 0");
    assert_line(text, "m2clip_reloads_total{what=\"keys\",result=\"failed\"} 1");
    free(text);
    srv_metrics_free(&metrics);
}

static void label_values_are_escaped_and_numbers_exact(void **state)
{
    (void)state;
    struct srv_exposition exposition;
    char *text = NULL;
    size_t size;
    srv_exposition_open(&exposition);
    srv_exposition_family(&exposition, "m2clip_x", SRV_METRIC_GAUGE, "Help.");
    const struct srv_metric_label labels[] = {{"a", "q\"b\\n\nend"}, {"b", ""}};
    srv_exposition_sample(&exposition, labels, 2, 0.1);
    srv_exposition_sample(&exposition, NULL, 0, 9007199254740991.0);
    assert_int_equal(srv_exposition_take(&exposition, &text, &size, &err), M2C_OK);
    assert_string_equal(text, "# HELP m2clip_x Help.\n# TYPE m2clip_x gauge\n"
                              "m2clip_x{a=\"q\\\"b\\\\n\\nend\",b=\"\"} 0.1\n"
                              "m2clip_x 9007199254740991\n");
    free(text);
}

static void process_knows_itself(void **state)
{
    (void)state;
    int ends[2];
    struct srv_process_facts before = srv_process_facts_read();
    assert_true(before.resident_bytes > 100e3 && before.resident_bytes < 100e9);
    assert_true(before.virtual_bytes > before.resident_bytes);
    assert_true(before.threads >= 1.0);
    assert_true(before.cpu_s >= 0.0);
    assert_true(before.start_s > 1.6e9);
    assert_true(before.open_fds >= 3.0 && before.open_fds <= before.max_fds);
    assert_int_equal(pipe(ends), 0);
    assert_true(srv_process_facts_read().open_fds == before.open_fds + 2.0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_ends_in_one_count),
        cmocka_unit_test(stages_that_were_reached_are_timed),
        cmocka_unit_test(methods_and_routes_have_rows_of_their_own),
        cmocka_unit_test(reloads_are_counted_by_result),
        cmocka_unit_test(label_values_are_escaped_and_numbers_exact),
        cmocka_unit_test(process_knows_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
