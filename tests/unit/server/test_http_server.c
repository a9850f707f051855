/* The HTTP room alone, on a loop of its own, asked by raw bytes. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_client.h"
#include "runtime/clock.h"
#include "server/http/http_server.h"
#include "server/http/request.h"

enum { MAX_BODY = 4 << 20 };

struct fixture {
    uv_loop_t loop;
    uv_async_t quit;
    struct srv_http *http;
    struct srv_storage *storage;
    pthread_t thread;
    char address[128];
    atomic_uint ended[3], handled, gone;
    atomic_int last_status;
};

static struct fixture f;

/* ---- handlers ---- */

static void respond_text(struct srv_request *request, char *text)
{
    struct srv_response response = srv_response_new(200, "text/plain");
    response.bytes = text;
    response.size = strlen(text);
    srv_request_respond(request, &response);
}

static void handle_ping(struct srv_request *request, void *context)
{
    (void)context;
    respond_text(request, strdup("pong"));
}

struct later {
    uv_timer_t timer;
    struct srv_request *request;
    int gone;
};

static void free_later(uv_handle_t *handle)
{
    free(handle->data);
}

static void answer_later(uv_timer_t *timer)
{
    struct later *later = timer->data;
    struct srv_body *body = later->gone ? NULL : srv_request_body(later->request);
    char text[256];
    if (!later->gone) {
        char hex[M2C_DIGEST_HEX_BYTES] = "";
        struct m2c_error err;
        if (body && srv_request_media(later->request) != SRV_MEDIA_JSON)
            (void)!srv_body_hash(body, hex, &err);
        (void)snprintf(text, sizeof text, "bytes=%zu fields=%zu hash=%.8s query=%s",
                       body ? srv_body_size(body) : 0, srv_request_form(later->request)->count, hex,
                       srv_request_query(later->request));
        respond_text(later->request, strdup(text));
    }
    uv_close((uv_handle_t *)timer, free_later);
}

static void later_gone(void *argument)
{
    struct later *later = argument;
    later->gone = 1;
    atomic_fetch_add(&f.gone, 1);
}

static void defer(struct srv_request *request, uint64_t delay_ms)
{
    struct later *later = calloc(1, sizeof *later);
    atomic_fetch_add(&f.handled, 1);
    later->request = request;
    later->timer.data = later;
    (void)uv_timer_init(&f.loop, &later->timer);
    (void)uv_timer_start(&later->timer, answer_later, delay_ms, 0);
    srv_request_defer(request, later_gone, later);
}

static void handle_echo(struct srv_request *request, void *context)
{
    (void)context;
    defer(request, 5);
}

static void handle_slow(struct srv_request *request, void *context)
{
    (void)context;
    defer(request, 400);
}

static enum m2c_status refuse(struct srv_request *request, void *context, struct m2c_error *err)
{
    (void)context;
    srv_request_record(request)->retry_after_ms = 1500;
    return m2c_fail(err, M2C_QUEUE_FULL, "full");
}

static const struct srv_route routes[] = {
    {.method = "GET",
     .path = "/ping",
     .body = SRV_BODY_NONE,
     .listeners = SRV_ON_MAIN,
     .handle = handle_ping},
    {.method = "GET",
     .path = "/things/{id}",
     .body = SRV_BODY_NONE,
     .listeners = SRV_ON_MAIN,
     .handle = handle_ping},
    {.method = "POST",
     .path = "/echo",
     .body = SRV_BODY_VIDEO,
     .listeners = SRV_ON_MAIN,
     .handle = handle_echo},
    {.method = "GET",
     .path = "/slow",
     .body = SRV_BODY_NONE,
     .listeners = SRV_ON_MAIN,
     .handle = handle_slow},
    {.method = "POST",
     .path = "/full",
     .body = SRV_BODY_VIDEO,
     .listeners = SRV_ON_MAIN,
     .admit = refuse,
     .handle = handle_echo},
    {.method = "GET",
     .path = "/probe",
     .body = SRV_BODY_NONE,
     .listeners = SRV_ON_PROBE,
     .handle = handle_ping},
};

/* ---- the server's thread ---- */

static void on_end(const struct srv_record *record, void *context)
{
    (void)context;
    atomic_store(&f.last_status, record->http_status);
    if (record->accepted)
        atomic_fetch_add(&f.ended[record->outcome], 1);
}

static void on_quit(uv_async_t *async)
{
    srv_http_stop(f.http, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void *serve(void *argument)
{
    (void)argument;
    (void)uv_run(&f.loop, UV_RUN_DEFAULT);
    return NULL;
}

static int setup(void **state)
{
    struct m2c_error err;
    struct srv_http_options options = {.address = "127.0.0.1:0",
                                       .listener = SRV_ON_MAIN,
                                       .router = {routes, sizeof routes / sizeof routes[0]},
                                       .max_body_bytes = MAX_BODY,
                                       .max_json_bytes = MAX_BODY,
                                       .max_plain_json_bytes = 100,
                                       .max_label_set_bytes = 200,
                                       .times = {.header_deadline_ms = 1500.0,
                                                 .body_deadline_ms = 60000.0,
                                                 .keep_alive_ms = 2500.0,
                                                 .reply_deadline_ms = 2000.0,
                                                 .body_min_rate = 1000},
                                       .max_connections = 200,
                                       .on_end = on_end};
    (void)state;
    const struct srv_storage_options room = {.memory_bytes = 64 << 20, .spool_bytes = 64 << 20};
    memset(&f, 0, sizeof f);
    assert_int_equal(srv_storage_new(&room, &f.storage, &err), M2C_OK);
    options.storage = f.storage;
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(uv_async_init(&f.loop, &f.quit, on_quit), 0);
    assert_int_equal(srv_http_start(&f.loop, &options, &f.http, &err), M2C_OK);
    (void)snprintf(f.address, sizeof f.address, "%s", srv_http_address(f.http));
    assert_int_equal(pthread_create(&f.thread, NULL, serve, NULL), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(uv_async_send(&f.quit), 0);
    assert_int_equal(pthread_join(f.thread, NULL), 0);
    /* A handle left open would be UV_EBUSY. */
    assert_int_equal(uv_loop_close(&f.loop), 0);
    srv_storage_unref(f.storage);
    return 0;
}

static struct reply reply;

static void ask(const char *request)
{
    client_ask(f.address, request, &reply);
}

static int expect_status(const char *request, int status)
{
    ask(request);
    if (reply.status != status)
        print_error("asked %.200s\ngot %d: %s\n", request, reply.status, reply.text);
    return reply.status == status;
}

/* ---- tests ---- */

static void routes_answer_with_the_common_headers(void **state)
{
    (void)state;
    assert_true(
        expect_status("GET /ping HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine.1\r\n\r\n", 200));
    assert_non_null(strstr(reply.text, "\r\nX-Request-Id: mine.1\r\n"));
    assert_non_null(strstr(reply.text, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(reply.text, "\r\n\r\npong"));
    assert_true(expect_status("GET /ping HTTP/1.1\r\nHost: x\r\nX-Request-Id: a b\r\n\r\n", 200));
    assert_null(strstr(reply.text, "a b"));
    assert_true(expect_status("GET /things/abc%20d HTTP/1.1\r\nHost: x\r\n\r\n", 200));
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    (void)state;
    assert_true(expect_status("GET /nope HTTP/1.1\r\nHost: x\r\n\r\n", 404));
    assert_non_null(strstr(reply.text, "route_not_found"));
    assert_non_null(strstr(reply.text, "application/problem+json"));
    assert_true(expect_status("GET /probe HTTP/1.1\r\nHost: x\r\n\r\n", 404));
    assert_true(expect_status("DELETE /ping HTTP/1.1\r\nHost: x\r\n\r\n", 405));
    assert_non_null(strstr(reply.text, "\r\nAllow: GET, HEAD\r\n"));
    assert_true(expect_status("get /ping HTTP/1.1\r\nHost: x\r\n\r\n", 501));
    assert_non_null(strstr(reply.text, "\r\nAllow: GET, HEAD\r\n"));
    assert_true(expect_status("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", 405));
    assert_non_null(strstr(reply.text, "\r\nAllow: POST\r\n"));
}

static void every_body_form_arrives(void **state)
{
    (void)state;
    assert_true(expect_status("POST /echo?a=1 HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                              "Content-Length: 5\r\n\r\nhello",
                              200));
    assert_non_null(strstr(reply.text, "bytes=5 fields=0 hash=2cf24dba query=a=1"));
    const char *form = "--B\r\nContent-Disposition: form-data; name=\"top_k\"\r\n\r\n3\r\n"
                       "--B\r\nContent-Disposition: form-data; name=\"video\"; filename=\"x\"\r\n"
                       "Content-Type: video/mp4\r\n\r\nhello\r\n--B--\r\n";
    char request[1024];
    (void)snprintf(request, sizeof request,
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                   "boundary=B\r\nContent-Length: %zu\r\n\r\n%s",
                   strlen(form), form);
    assert_true(expect_status(request, 200));
    assert_non_null(strstr(reply.text, "bytes=5 fields=1 hash=2cf24dba"));
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                              "Content-Length: 2\r\n\r\n{}",
                              200));
}

static void body_types_and_lengths_are_checked_at_the_headers(void **state)
{
    (void)state;
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 415));
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"
                              "Content-Length: 1\r\n\r\nx",
                              415));
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; "
                              "charset=utf-16\r\nContent-Length: 1\r\n\r\nx",
                              415));
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                              "Content-Length: 0\r\n\r\n",
                              400));
    assert_true(
        expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n\r\n", 411));
    assert_true(expect_status("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: "
                              "multipart/form-data\r\nContent-Length: 1\r\n\r\nx",
                              400));
}

static void body_over_limit_gets_413_while_the_client_still_sends(void **state)
{
    char head[200];
    char *junk = calloc(1, MAX_BODY + 1);
    (void)state;
    (void)snprintf(head, sizeof head,
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                   "Content-Length: %d\r\n\r\n",
                   MAX_BODY + 1);
    int fd = client_connect(f.address);
    (void)client_send(fd, head, strlen(head));
    assert_int_equal(client_send(fd, junk, MAX_BODY + 1), MAX_BODY + 1);
    client_read(fd, &reply);
    assert_int_equal(reply.status, 413);
    assert_non_null(strstr(reply.text, "\r\nConnection: close\r\n"));
    (void)close(fd);

    (void)snprintf(head, sizeof head,
                   "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                   "Content-Length: %d\r\n\r\n",
                   MAX_BODY);
    fd = client_connect(f.address);
    (void)client_send(fd, head, strlen(head));
    (void)client_send(fd, junk, MAX_BODY);
    client_read(fd, &reply);
    assert_int_equal(reply.status, 200);
    (void)close(fd);
    free(junk);
}

static void refused_admission_asks_to_come_back(void **state)
{
    (void)state;
    assert_true(expect_status("POST /full HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                              "Content-Length: 1000000\r\nExpect: 100-continue\r\n\r\n",
                              503));
    assert_non_null(strstr(reply.text, "\r\nRetry-After: 2\r\n"));
    assert_non_null(strstr(reply.text, "\"retry_after_ms\": 1500"));
}

static void expect_continue_is_met_once(void **state)
{
    (void)state;
    const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                       "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n";
    int fd = client_connect(f.address);
    (void)client_send(fd, head, strlen(head));
    client_read(fd, &reply);
    assert_int_equal(reply.status, 100);
    (void)client_send(fd, "abc", 3);
    client_read(fd, &reply);
    assert_int_equal(reply.status, 200);
    (void)close(fd);
}

static void broken_forms_are_answered_at_the_bodys_end_or_by_hand(void **state)
{
    (void)state;
    const char *broken = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                         "boundary=B\r\nContent-Length: 20\r\n\r\nnothing like a form!";
    assert_true(expect_status(broken, 400));

    char *junk = calloc(1, 3 << 20);
    memset(junk, 'x', 3 << 20);
    const char *head = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
                       "boundary=B\r\nContent-Length: 3145728\r\n\r\n";
    int fd = client_connect(f.address);
    (void)client_send(fd, head, strlen(head));
    (void)client_send(fd, junk, 3 << 20);
    client_read(fd, &reply);
    assert_int_equal(reply.status, 400);
    assert_non_null(strstr(reply.text, "\r\nConnection: close\r\n"));
    assert_true(client_is_closed(fd));
    (void)close(fd);
    free(junk);
}

static void connections_are_kept_and_pipelines_keep_their_order(void **state)
{
    (void)state;
    const char *three = "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /nope HTTP/1.1\r\nHost: x\r\n\r\n"
                        "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n";
    int expected[] = {200, 200, 404, 200};
    int fd = client_connect(f.address);
    (void)client_send(fd, three, strlen(three));
    for (size_t i = 0; i < 4; i++) {
        client_read(fd, &reply);
        assert_int_equal(reply.status, expected[i]);
    }
    (void)close(fd);
}

static void headers_and_idle_connections_have_deadlines(void **state)
{
    (void)state;
    int silent = client_connect(f.address);
    int partial = client_connect(f.address);
    int idle = client_connect(f.address);
    (void)client_send(partial, "GET /ping HTTP/1.1\r\nHost", 24);
    (void)client_send(idle, "GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 31);
    client_read(idle, &reply);
    assert_int_equal(reply.status, 200);
    double start_ms = m2c_clock_ms();
    assert_true(client_is_closed(silent));
    client_read(partial, &reply);
    assert_int_equal(reply.status, 408);
    assert_in_range((uintmax_t)(m2c_clock_ms() - start_ms), 1000, 3500);
    assert_true(client_is_closed(idle));
    assert_in_range((uintmax_t)(m2c_clock_ms() - start_ms), 2000, 4500);
    (void)close(silent);
    (void)close(partial);
    (void)close(idle);
}

static void client_that_leaves_while_suspended_is_noticed_at_once(void **state)
{
    (void)state;
    unsigned before = atomic_load(&f.gone);
    const char *slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd = client_connect(f.address);
    (void)client_send(fd, slow, strlen(slow));
    (void)usleep(50000);
    (void)close(fd);
    for (int i = 0; i < 50 && atomic_load(&f.gone) == before; i++)
        (void)usleep(2000);
    assert_int_equal(atomic_load(&f.gone), before + 1);
    assert_true(expect_status("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200));
}

static void every_accepted_request_has_one_end(void **state)
{
    (void)state;
    (void)usleep(100000); /* the ends of earlier tests' requests have come in */
    unsigned answered = atomic_load(&f.ended[SRV_ANSWERED]);
    unsigned gone = atomic_load(&f.ended[SRV_GONE]);
    for (int i = 0; i < 20; i++) {
        const char *partial = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                              "Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
        int fd = client_connect(f.address);
        (void)client_send(fd, partial, strlen(partial));
        client_read(fd, &reply); /* a reset that overtakes the headers leaves nothing accepted */
        assert_int_equal(reply.status, 100);
        (void)client_send(fd, "abc", 3);
        if (i % 2) {
            struct linger reset = {.l_onoff = 1};
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        }
        (void)close(fd);
    }
    for (int i = 0; i < 10; i++)
        assert_true(expect_status("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n", 200));
    for (int i = 0; i < 500 && atomic_load(&f.ended[SRV_GONE]) < gone + 20; i++)
        (void)usleep(10000);
    assert_int_equal(atomic_load(&f.ended[SRV_GONE]), gone + 20);
    for (int i = 0; i < 500 && atomic_load(&f.ended[SRV_ANSWERED]) < answered + 10; i++)
        (void)usleep(1000);
    assert_int_equal(atomic_load(&f.ended[SRV_ANSWERED]), answered + 10);
}

static void stopping_with_suspended_requests_ends_them(void **state)
{
    (void)state;
    const char *slow = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    int fds[4];
    for (size_t i = 0; i < 4; i++) {
        fds[i] = client_connect(f.address);
        (void)client_send(fds[i], slow, strlen(slow));
    }
    (void)usleep(50000);
    (void)teardown(NULL);
    for (size_t i = 0; i < 4; i++) {
        assert_true(client_is_closed(fds[i]));
        (void)close(fds[i]);
    }
    (void)setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routes_answer_with_the_common_headers),
        cmocka_unit_test(unknown_paths_and_methods_are_told_apart),
        cmocka_unit_test(every_body_form_arrives),
        cmocka_unit_test(body_types_and_lengths_are_checked_at_the_headers),
        cmocka_unit_test(body_over_limit_gets_413_while_the_client_still_sends),
        cmocka_unit_test(refused_admission_asks_to_come_back),
        cmocka_unit_test(expect_continue_is_met_once),
        cmocka_unit_test(broken_forms_are_answered_at_the_bodys_end_or_by_hand),
        cmocka_unit_test(connections_are_kept_and_pipelines_keep_their_order),
        cmocka_unit_test(headers_and_idle_connections_have_deadlines),
        cmocka_unit_test(client_that_leaves_while_suspended_is_noticed_at_once),
        cmocka_unit_test(every_accepted_request_has_one_end),
        cmocka_unit_test(stopping_with_suspended_requests_ends_them),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
