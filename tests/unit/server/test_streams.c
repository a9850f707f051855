/* Replies of unknown length: written bit by bit, read, left, neglected, and stopped in mid-flow. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_client.h"
#include "http_fixture.h"
#include "server/http/request.h"
#include "server/http/stream.h"

enum { FLOOD_BYTES = 24 << 20, TICKS = 5 };

static struct http_fixture f;

/* ---- handlers ---- */

struct ticker {
    uv_timer_t timer;
    struct srv_stream *stream;
    int ticks, limit;
};

static void free_ticker(uv_handle_t *handle)
{
    free(handle->data);
}

static void ticker_gone(void *argument)
{
    struct ticker *ticker = argument;
    ticker->stream = NULL;
    atomic_fetch_add(&f.gone, 1);
    uv_close((uv_handle_t *)&ticker->timer, free_ticker);
}

static void on_tick(uv_timer_t *timer)
{
    struct ticker *ticker = timer->data;
    char line[32];
    int size = snprintf(line, sizeof line, "tick %d\n", ticker->ticks);
    (void)srv_stream_write(ticker->stream, line, (size_t)size);
    if (++ticker->ticks < ticker->limit)
        return;
    srv_stream_end(ticker->stream);
    uv_close((uv_handle_t *)timer, free_ticker);
}

static struct ticker *begin(struct srv_request *request, int limit)
{
    struct ticker *ticker = calloc(1, sizeof *ticker);
    ticker->timer.data = ticker;
    ticker->limit = limit;
    (void)uv_timer_init(&f.loop, &ticker->timer);
    srv_request_defer(request, ticker_gone, ticker);
    (void)srv_request_add_header(request, "X-More", "yes");
    ticker->stream = srv_request_stream(request, 200, "text/plain");
    return ticker;
}

static void handle_ticks(struct srv_request *request, void *context)
{
    (void)context;
    struct ticker *ticker = begin(request, TICKS);
    (void)uv_timer_start(&ticker->timer, on_tick, 20, 20);
}

static void handle_forever(struct srv_request *request, void *context)
{
    (void)context;
    struct ticker *ticker = begin(request, 1 << 30);
    (void)srv_stream_write(ticker->stream, "hello\n", 6);
}

static void handle_flood(struct srv_request *request, void *context)
{
    char *junk = calloc(1, FLOOD_BYTES);
    (void)context;
    struct ticker *ticker = begin(request, 1 << 30);
    (void)srv_stream_write(ticker->stream, junk, FLOOD_BYTES);
    free(junk);
}

static void handle_at_once(struct srv_request *request, void *context)
{
    (void)context;
    struct srv_stream *stream = srv_request_stream(request, 200, "text/plain");
    (void)srv_stream_write(stream, "all of it", 9);
    assert_int_equal(srv_stream_waiting_bytes(stream), 9);
    srv_stream_end(stream);
}

static const struct srv_route routes[] = {
    {.method = "GET", .path = "/ticks", .listeners = SRV_ON_MAIN, .handle = handle_ticks},
    {.method = "GET", .path = "/forever", .listeners = SRV_ON_MAIN, .handle = handle_forever},
    {.method = "GET", .path = "/flood", .listeners = SRV_ON_MAIN, .handle = handle_flood},
    {.method = "GET", .path = "/at-once", .listeners = SRV_ON_MAIN, .handle = handle_at_once},
};

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    struct srv_http_options options = http_fixture_options(&f);
    options.router =
        (struct srv_router){.routes = routes, .count = sizeof routes / sizeof routes[0]};
    http_fixture_start(&f, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_fixture_stop(&f);
    return 0;
}

/* ---- a client ---- */

static int ask(const char *path, const char *version)
{
    char line[128];
    int fd = client_connect(f.address);
    (void)snprintf(line, sizeof line, "GET %s HTTP/%s\r\nHost: x\r\n\r\n", path, version);
    (void)client_send(fd, line, strlen(line));
    return fd;
}

/* Reads until the text ends in `last` (or the peer closes); what was read, terminated. */
static const char *read_until(int fd, const char *last)
{
    static char text[65536];
    size_t size = 0, wanted = strlen(last);
    while (size < sizeof text - 1) {
        ssize_t got = recv(fd, text + size, 1, 0);
        if (got <= 0)
            break;
        size += (size_t)got;
        if (wanted > 0 && size >= wanted && memcmp(text + size - wanted, last, wanted) == 0)
            break;
    }
    text[size] = '\0';
    return text;
}

/* ---- tests ---- */

static void parts_arrive_as_they_are_written_and_the_connection_is_kept(void **state)
{
    (void)state;
    int fd = ask("/ticks", "1.1");
    const char *text = read_until(fd, "tick 0\n");
    assert_non_null(strstr(text, "\r\nTransfer-Encoding: chunked\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Type: text/plain\r\n"));
    assert_non_null(strstr(text, "\r\nX-More: yes\r\n"));
    assert_null(strstr(text, "tick 4"));
    text = read_until(fd, "\r\n0\r\n\r\n");
    assert_non_null(strstr(text, "tick 4\n"));
    const char *again = "GET /at-once HTTP/1.1\r\nHost: x\r\n\r\n";
    (void)client_send(fd, again, strlen(again));
    assert_non_null(strstr(read_until(fd, "\r\n0\r\n\r\n"), "all of it"));
    (void)close(fd);
    assert_int_equal(http_fixture_wait(&f.ended[SRV_ANSWERED], 2), 2);
    assert_int_equal(atomic_load(&f.gone), 0);
}

static void old_clients_read_to_the_end_of_the_connection(void **state)
{
    (void)state;
    int fd = ask("/ticks", "1.0");
    const char *text = read_until(fd, "");
    assert_null(strstr(text, "chunked"));
    assert_non_null(strstr(text, "\r\n\r\ntick 0\ntick 1\ntick 2\ntick 3\ntick 4\n"));
    (void)close(fd);
}

static void reader_that_leaves_a_resting_stream_is_noticed_at_once(void **state)
{
    (void)state;
    unsigned gone = atomic_load(&f.gone), ended = atomic_load(&f.ended[SRV_GONE]);
    for (unsigned i = 1; i <= 20; i++) {
        int fd = ask("/forever", "1.1");
        (void)read_until(fd, "hello\n");
        (void)close(fd);
        assert_int_equal(http_fixture_wait(&f.gone, gone + i), gone + i);
    }
    assert_int_equal(http_fixture_wait(&f.ended[SRV_GONE], ended + 20), ended + 20);
}

static void reader_that_leaves_in_a_flood_is_noticed(void **state)
{
    (void)state;
    unsigned gone = atomic_load(&f.gone);
    int fd = ask("/flood", "1.1");
    (void)read_until(fd, "\r\n\r\n");
    struct linger reset = {.l_onoff = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    (void)close(fd);
    assert_int_equal(http_fixture_wait(&f.gone, gone + 1), gone + 1);
}

static void reader_that_takes_nothing_is_cut_off_and_a_quiet_stream_is_not(void **state)
{
    (void)state;
    unsigned gone = atomic_load(&f.gone);
    int quiet = ask("/forever", "1.1");
    int neglectful = ask("/flood", "1.1");
    (void)read_until(quiet, "hello\n");
    assert_int_equal(http_fixture_wait(&f.gone, gone + 1), gone + 1);
    char rest[16];
    while (recv(quiet, rest, sizeof rest, MSG_DONTWAIT) > 0)
        ;
    assert_true(errno == EAGAIN); /* open, and nothing to read */
    (void)close(neglectful);
    (void)close(quiet);
    assert_int_equal(http_fixture_wait(&f.gone, gone + 2), gone + 2);
}

static void stopping_in_mid_flow_ends_every_stream(void **state)
{
    (void)state;
    static const char *const paths[] = {"/forever", "/flood", "/ticks", "/forever"};
    int fds[4];
    for (size_t i = 0; i < 4; i++) {
        fds[i] = ask(paths[i], "1.1");
        (void)read_until(fds[i], "\r\n\r\n");
    }
    (void)teardown(NULL);
    for (size_t i = 0; i < 4; i++)
        (void)close(fds[i]);
    assert_int_equal(atomic_load(&f.ended[SRV_GONE]) + atomic_load(&f.ended[SRV_ANSWERED]) > 0, 1);
    (void)setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_arrive_as_they_are_written_and_the_connection_is_kept),
        cmocka_unit_test(old_clients_read_to_the_end_of_the_connection),
        cmocka_unit_test(reader_that_leaves_a_resting_stream_is_noticed_at_once),
        cmocka_unit_test(reader_that_leaves_in_a_flood_is_noticed),
        cmocka_unit_test(reader_that_takes_nothing_is_cut_off_and_a_quiet_stream_is_not),
        cmocka_unit_test(stopping_in_mid_flow_ends_every_stream),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
