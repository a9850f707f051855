/* The log: lines as they should be, and a reader that blocks. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/clock.h"
#include "server/observe/ledger.h"
#include "server/observe/log.h"

static struct m2c_error err;

static void request_lines_tell_stages_and_outcome(void **state)
{
    int ends[2];
    char text[4096];
    struct srv_log *log = NULL;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(srv_log_new(ends[1], SRV_LOG_INFO, &log, &err), M2C_OK);
    struct srv_record record = {.id = "r1",
                                .method = "POST",
                                .client = "127.0.0.1",
                                .route = "/v1/classify",
                                .accepted = true,
                                .outcome = SRV_EXPIRED,
                                .http_status = 504,
                                .retry_after_ms = -1,
                                .receive_ms = 1.0,
                                .queue_ms = -1.0,
                                .decode_ms = -1.0,
                                .encode_ms = -1.0,
                                .text_ms = -1.0,
                                .total_ms = 2.5};
    srv_record_set_model(&record, "default", "0123456789ab");
    srv_trace_start("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &record.trace);
    record.labels_hit = 3;
    record.video = SRV_VIDEO_NOT_FOUND;
    record.batch_clips = 4;
    record.retry_after_ms = 1500;
    (void)m2c_fail_field(&record.error, M2C_DEADLINE, "timeout_ms", "1 ms have \"passed\"");
    srv_log_request(log, &record);
    record.quiet = true;
    srv_log_request(log, &record);
    srv_log_event(log, SRV_LOG_DEBUG, "hidden", NULL, NULL);
    srv_log_free(&log);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    assert_true(got > 0);
    text[got] = '\0';
    assert_int_equal(strchr(text, '\n') - text, got - 1);
    assert_non_null(strstr(text, "\"event\": \"request\", \"id\": \"r1\""));
    assert_non_null(strstr(text, "\"outcome\": \"expired\""));
    assert_non_null(
        strstr(text, "\"code\": \"deadline\", \"detail\": \"1 ms have \\\"passed\\\"\""));
    assert_non_null(strstr(text, "\"trace_id\": \"4bf92f3577b34da6a3ce929d0e0e4736\""));
    assert_non_null(strstr(text, "\"parent_id\": \"00f067aa0ba902b7\""));
    assert_non_null(strstr(text, record.trace.span_id));
    assert_non_null(strstr(text, "\"model\": \"default\", \"model_version\": \"0123456789ab\""));
    assert_non_null(strstr(text, "\"batch_clips\": 4, \"labels_hit\": 3, \"labels_miss\": 0, "
                                 "\"video_kept\": false, \"retry_after_ms\": 1500"));
    assert_non_null(strstr(text, "\"ms\": {\"receive\": 1.0, \"total\": 2.5}"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void blocked_reader_costs_lines_and_no_time(void **state)
{
    int ends[2];
    struct srv_log *log = NULL;
    char value[1000];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(srv_log_new(ends[1], SRV_LOG_INFO, &log, &err), M2C_OK);
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    double start_ms = m2c_clock_ms();
    for (int i = 0; i < 5000; i++)
        srv_log_event(log, SRV_LOG_INFO, "filler", "value", value);
    assert_true(m2c_clock_ms() - start_ms < 2000.0);
    /* Some 5 MB for a buffer of 1 MiB and a pipe of 64 KiB. */
    assert_in_range(srv_log_dropped(log), 3500, 4100);
    start_ms = m2c_clock_ms();
    srv_log_free(&log);
    assert_true(m2c_clock_ms() - start_ms < 3000.0);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static bool wait_for_dropped(struct srv_log *log, unsigned long long lines)
{
    for (int i = 0; i < 500 && srv_log_dropped(log) < lines; i++)
        (void)usleep(10000);
    return srv_log_dropped(log) == lines;
}

static void reader_that_has_gone_costs_lines_and_they_are_counted(void **state)
{
    int ends[2], again[2];
    struct srv_log *log = NULL;
    char text[512];
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(srv_log_new(ends[1], SRV_LOG_INFO, &log, &err), M2C_OK);
    (void)close(ends[0]);
    for (int i = 0; i < 100; i++)
        srv_log_event(log, SRV_LOG_INFO, "lost", "key", "value");
    assert_true(wait_for_dropped(log, 100));
    /* A reader that comes back learns of it. */
    assert_int_equal(pipe(again), 0);
    assert_int_equal(dup2(again[1], ends[1]), ends[1]);
    srv_log_event(log, SRV_LOG_INFO, "found", NULL, NULL);
    srv_log_event(log, SRV_LOG_INFO, "after", NULL, NULL);
    srv_log_free(&log);
    ssize_t got = read(again[0], text, sizeof text - 1);
    assert_true(got > 0);
    text[got] = '\0';
    assert_non_null(strstr(text, "\"event\": \"found\", \"lines_dropped\": 100}\n"));
    assert_non_null(strstr(text, "\"event\": \"after\"}\n"));
    (void)close(ends[1]);
    (void)close(again[0]);
    (void)close(again[1]);
}

static void levels_have_names(void **state)
{
    enum srv_log_level level;
    (void)state;
    assert_int_equal(srv_log_level_parse("debug", &level, &err), M2C_OK);
    assert_int_equal(level, SRV_LOG_DEBUG);
    assert_int_equal(srv_log_level_parse("loud", &level, &err), M2C_USAGE);
}

static void ledger_counts_each_request_once(void **state)
{
    struct srv_ledger ledger = {0};
    struct srv_record record = {.accepted = true, .outcome = SRV_ANSWERED};
    (void)state;
    srv_ledger_enter(&ledger, &record);
    record.outcome = SRV_GONE;
    srv_ledger_enter(&ledger, &record);
    record.outcome = SRV_EXPIRED;
    srv_ledger_enter(&ledger, &record);
    record.accepted = false;
    srv_ledger_enter(&ledger, &record);
    assert_int_equal(ledger.answered, 1);
    assert_int_equal(ledger.gone, 1);
    assert_int_equal(ledger.expired, 1);
    assert_int_equal(ledger.refused, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines_tell_stages_and_outcome),
        cmocka_unit_test(blocked_reader_costs_lines_and_no_time),
        cmocka_unit_test(reader_that_has_gone_costs_lines_and_they_are_counted),
        cmocka_unit_test(levels_have_names),
        cmocka_unit_test(ledger_counts_each_request_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
