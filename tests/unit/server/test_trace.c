/* W3C traceparent: what is believed, and what we hand on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/observe/trace.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN "00f067aa0ba902b7"

static void callers_trace_goes_on_in_a_span_of_ours(void **state)
{
    (void)state;
    struct srv_trace trace;
    char header[SRV_TRACEPARENT_BYTES];
    srv_trace_start("00-" TRACE "-" SPAN "-00", &trace);
    assert_string_equal(trace.trace_id, TRACE);
    assert_string_equal(trace.parent_id, SPAN);
    assert_int_equal(strlen(trace.span_id), SRV_SPAN_ID_DIGITS);
    assert_string_not_equal(trace.span_id, SPAN);
    assert_false(trace.sampled);
    srv_trace_format(&trace, header);
    assert_int_equal(strlen(header), SRV_TRACEPARENT_BYTES - 1);
    assert_memory_equal(header, "00-" TRACE "-", 36);
    assert_memory_equal(header + 36, trace.span_id, SRV_SPAN_ID_DIGITS);
    assert_string_equal(header + 52, "-00");
}

static void without_a_caller_a_new_trace_begins(void **state)
{
    (void)state;
    struct srv_trace first, second, again;
    char header[SRV_TRACEPARENT_BYTES];
    srv_trace_start(NULL, &first);
    srv_trace_start("nonsense", &second);
    assert_string_equal(first.parent_id, "");
    assert_string_equal(second.parent_id, "");
    assert_true(first.sampled);
    assert_string_not_equal(first.trace_id, second.trace_id);
    srv_trace_format(&first, header);
    assert_true(srv_trace_parse(header, &again));
    assert_string_equal(again.trace_id, first.trace_id);
    assert_string_equal(again.parent_id, first.span_id);
    assert_true(again.sampled);
}

static void flags_and_later_versions_are_read(void **state)
{
    (void)state;
    struct srv_trace trace;
    assert_true(srv_trace_parse("00-" TRACE "-" SPAN "-01", &trace));
    assert_true(trace.sampled);
    assert_true(srv_trace_parse("00-" TRACE "-" SPAN "-fe", &trace));
    assert_false(trace.sampled);
    assert_true(srv_trace_parse("00-" TRACE "-" SPAN "-0b", &trace));
    assert_true(trace.sampled);
    assert_true(srv_trace_parse("cc-" TRACE "-" SPAN "-01", &trace));
    assert_true(srv_trace_parse("cc-" TRACE "-" SPAN "-01-what-comes-later", &trace));
    assert_string_equal(trace.trace_id, TRACE);
}

static void invalid_headers_are_not_believed(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "",
        "00",
        "ff-" TRACE "-" SPAN "-01",
        "0g-" TRACE "-" SPAN "-01",
        "00-" TRACE "-" SPAN "-01-more",
        "00-" TRACE "-" SPAN "-01 ",
        "cc-" TRACE "-" SPAN "-01.later",
        "00-" TRACE "-" SPAN "-1",
        "00-" TRACE "-" SPAN "-0x",
        "00-" TRACE "-" SPAN,
        "00_" TRACE "-" SPAN "-01",
        "00-" TRACE "_" SPAN "-01",
        "00-" TRACE "-" SPAN "_01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01",
        "00-" TRACE "-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-" SPAN "-01",
        "00-" TRACE "-0000000000000000-01",
        " 00-" TRACE "-" SPAN "-01",
    };
    struct srv_trace trace;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_false(srv_trace_parse(invalid[i], &trace));
        assert_string_equal(trace.trace_id, "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_trace_goes_on_in_a_span_of_ours),
        cmocka_unit_test(without_a_caller_a_new_trace_begins),
        cmocka_unit_test(flags_and_later_versions_are_read),
        cmocka_unit_test(invalid_headers_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
