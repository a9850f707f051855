/* Accept headers, weighed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/handlers/timeline_form.h"

static const struct {
    const char *accept;
    enum srv_timeline_form form;
} rows[] = {
    {"", SRV_TIMELINE_JSON},
    {"*/*", SRV_TIMELINE_JSON},
    {"application/json", SRV_TIMELINE_JSON},
    {"text/event-stream", SRV_TIMELINE_EVENTS},
    {"Text/Event-Stream", SRV_TIMELINE_EVENTS},
    {"application/x-ndjson", SRV_TIMELINE_NDJSON},
    {"text/vtt", SRV_TIMELINE_VTT},
    {" text/vtt ; charset=utf-8 , */*;q=0.1", SRV_TIMELINE_VTT},
    {"text/vtt, text/event-stream", SRV_TIMELINE_VTT},
    {"text/vtt;q=0.5, text/event-stream;q=0.75", SRV_TIMELINE_EVENTS},
    {"text/vtt;q=0.5,application/x-ndjson;Q=0.501", SRV_TIMELINE_NDJSON},
    {"text/vtt;level=1;q=0.2, */*;q=0.3", SRV_TIMELINE_JSON},
    {"text/vtt;q=0", SRV_TIMELINE_JSON},
    {"text/event-stream;q=0, text/vtt;q=0.001", SRV_TIMELINE_VTT},
    {"text/html, image/png", SRV_TIMELINE_JSON},
    {"text/vtt2", SRV_TIMELINE_JSON},
    {"text/vt", SRV_TIMELINE_JSON},
    {",,;,q=1,text/vtt;;;q=1", SRV_TIMELINE_VTT},
    {"text/vtt;q=nonsense", SRV_TIMELINE_VTT},
    {"text/vtt;q=1.000", SRV_TIMELINE_VTT},
};

static void the_best_of_what_is_accepted_is_taken(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (srv_timeline_form_of(rows[i].accept) != rows[i].form)
            fail_msg("\"%s\": form %d", rows[i].accept, srv_timeline_form_of(rows[i].accept));
}

static void two_forms_stream(void **state)
{
    (void)state;
    assert_true(srv_timeline_form_streams(SRV_TIMELINE_NDJSON));
    assert_true(srv_timeline_form_streams(SRV_TIMELINE_EVENTS));
    assert_false(srv_timeline_form_streams(SRV_TIMELINE_JSON));
    assert_false(srv_timeline_form_streams(SRV_TIMELINE_VTT));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_of_what_is_accepted_is_taken),
        cmocka_unit_test(two_forms_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
