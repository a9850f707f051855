/* What is decided at the headers: the gate, whose body may come, what of a request can be seen, and
 * headers that replies gain. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_client.h"
#include "http_fixture.h"
#include "server/http/request.h"

static struct http_fixture f;
static struct reply reply;

/* ---- the server's part ---- */

static void handle_size(struct srv_request *request, void *context)
{
    char text[64];
    struct srv_body *body = srv_request_body(request);
    struct srv_response response = srv_response_new(200, "text/plain");
    (void)context;
    (void)snprintf(text, sizeof text, "media %d bytes %zu", (int)srv_request_media(request),
                   body ? srv_body_size(body) : 0);
    response.bytes = strdup(text);
    response.size = strlen(text);
    assert_true(srv_response_add_header(&response, "ETag", "\"1\""));
    assert_true(srv_response_add_header(&response, "etag", "\"2\"")); /* the later one counts */
    srv_request_respond(request, &response);
}

static void handle_facts(struct srv_request *request, void *context)
{
    char text[512], list[64], tight[7];
    const char *one = srv_request_header(request, "x-one");
    bool fits = srv_request_header_list(request, "X-Many", list, sizeof list);
    bool cut = !srv_request_header_list(request, "X-Many", tight, sizeof tight);
    struct srv_response response = srv_response_new(200, "text/plain");
    (void)context;
    (void)snprintf(text, sizeof text,
                   "one=%s none=%d many=%s fits=%d cut=%d peer=%s loopback=%d main=%d",
                   one ? one : "-", srv_request_header(request, "X-None") == NULL, list, fits, cut,
                   srv_request_peer_address(request), srv_request_listens_on_loopback(request),
                   srv_request_listener(request) == SRV_ON_MAIN);
    response.bytes = strdup(text);
    response.size = strlen(text);
    srv_request_respond(request, &response);
}

static void handle_preflight(struct srv_request *request, void *context)
{
    struct srv_response response = srv_response_new(204, NULL);
    (void)context;
    response.allow = srv_request_allow(request);
    srv_request_respond(request, &response);
}

static enum m2c_status admit_nothing(struct srv_request *request, void *context,
                                     struct m2c_error *err)
{
    (void)request;
    (void)context;
    return m2c_fail(err, M2C_QUEUE_FULL, "never");
}

#define ROUTE(verb, at, takes)                                                                     \
    {                                                                                              \
        .method = verb, .path = at, .body = takes, .listeners = SRV_ON_MAIN, .handle = handle_size \
    }

static const struct srv_route routes[] = {
    ROUTE("POST", "/video", SRV_BODY_VIDEO),
    ROUTE("POST", "/maybe-video", SRV_BODY_OPTIONAL_VIDEO),
    ROUTE("POST", "/json", SRV_BODY_JSON),
    ROUTE("POST", "/maybe-json", SRV_BODY_OPTIONAL_JSON),
    ROUTE("POST", "/none", SRV_BODY_NONE),
    {.method = "PUT",
     .path = "/label-set",
     .body = SRV_BODY_JSON,
     .json_limit = SRV_JSON_LABEL_SET,
     .listeners = SRV_ON_MAIN,
     .handle = handle_size},
    {.method = "GET", .path = "/facts", .listeners = SRV_ON_MAIN, .handle = handle_facts},
    {.method = "POST",
     .path = "/secret",
     .access = SRV_ACCESS_ADMIN,
     .body = SRV_BODY_VIDEO,
     .listeners = SRV_ON_MAIN,
     .admit = admit_nothing,
     .handle = handle_size},
};

static const struct srv_route preflight = {
    .method = "OPTIONS", .path = "*", .listeners = SRV_ON_MAIN, .handle = handle_preflight};

static enum m2c_status gate(struct srv_request *request, void *context, struct m2c_error *err)
{
    const char *who = srv_request_header(request, "X-Who");
    (void)context;
    if (who)
        srv_request_set_client(request, who);
    assert_true(srv_request_add_header(request, "X-Gate", "passed"));
    if (srv_request_route(request)->access != SRV_ACCESS_ADMIN)
        return M2C_OK;
    srv_request_record(request)->retry_after_ms = 3000;
    assert_true(srv_request_add_header(request, "X-Gate", "shut"));
    return m2c_fail(err, M2C_UNAUTHORIZED, "no key");
}

static int setup(void **state)
{
    (void)state;
    memset(&f, 0, sizeof f);
    struct srv_http_options options = http_fixture_options(&f);
    options.router = (struct srv_router){
        .routes = routes, .count = sizeof routes / sizeof routes[0], .preflight = &preflight};
    options.gate = gate;
    http_fixture_start(&f, &options);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_fixture_stop(&f);
    return 0;
}

/* ---- tests ---- */

/* Asks with a body of `size` bytes (-1: no Content-Length); the status. */
static int post(const char *method, const char *path, const char *type, int size)
{
    char request[1024], junk[512];
    memset(junk, 'x', sizeof junk);
    int used = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path);
    if (type)
        used +=
            snprintf(request + used, sizeof request - (size_t)used, "Content-Type: %s\r\n", type);
    if (size >= 0)
        used +=
            snprintf(request + used, sizeof request - (size_t)used, "Content-Length: %d\r\n", size);
    (void)snprintf(request + used, sizeof request - (size_t)used, "\r\n%.*s", size > 0 ? size : 0,
                   junk);
    client_ask(f.address, request, &reply);
    return reply.status;
}

static void each_policy_takes_its_bodies_alone(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type;
        int size, status;
    } cases[] = {
        {"/video", "video/mp4", 5, 200},
        {"/video", "application/json", 5, 200},
        {"/video", NULL, -1, 415},
        {"/video", "video/mp4", -1, 411},
        {"/video", "video/mp4", 0, 400},
        {"/maybe-video", "video/mp4", 5, 200},
        {"/maybe-video", "application/json", 200, 200},
        {"/maybe-video", NULL, -1, 200},
        {"/maybe-video", NULL, 0, 200},
        {"/maybe-video", "video/mp4", 0, 200},
        {"/maybe-video", "text/plain", 5, 415},
        {"/maybe-video", NULL, 5, 415},
        {"/json", "application/json", 5, 200},
        {"/json", "application/json; charset=utf-8", 100, 200},
        {"/json", "application/json", 101, 413},
        {"/json", "video/mp4", 5, 415},
        {"/json", "multipart/form-data; boundary=B", 5, 415},
        {"/json", NULL, -1, 415},
        {"/json", "application/json", -1, 411},
        {"/json", "application/json", 0, 400},
        {"/maybe-json", "application/json", 5, 200},
        {"/maybe-json", NULL, -1, 200},
        {"/maybe-json", NULL, 0, 200},
        {"/maybe-json", "application/json", 101, 413},
        {"/maybe-json", "video/mp4", 5, 415},
        {"/none", NULL, -1, 200},
        {"/none", NULL, 0, 200},
        {"/none", "application/json", 2, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (post("POST", cases[i].path, cases[i].type, cases[i].size) != cases[i].status)
            fail_msg("%s %s %d gave %d: %s", cases[i].path, cases[i].type ? cases[i].type : "-",
                     cases[i].size, reply.status, reply.text);
    assert_int_equal(post("PUT", "/label-set", "application/json", 200), 200);
    assert_int_equal(post("PUT", "/label-set", "application/json", 201), 413);
}

static void gate_is_asked_before_body_and_admission(void **state)
{
    (void)state;
    assert_int_equal(post("POST", "/secret", "text/plain", 5), 401);
    assert_non_null(strstr(reply.text, "\"unauthorized\""));
    assert_non_null(strstr(reply.text, "\r\nX-Gate: shut\r\n"));
    assert_null(strstr(reply.text, "passed"));
    assert_non_null(strstr(reply.text, "\r\nRetry-After: 3\r\n"));
    assert_int_equal(post("POST", "/json", "application/json", 5), 200);
    assert_non_null(strstr(reply.text, "\r\nX-Gate: passed\r\n"));
    assert_non_null(strcasestr(reply.text, "\r\nETag: \"2\"\r\n"));
    assert_null(strstr(reply.text, "\"1\""));
}

static void client_is_named_by_the_gate_or_by_its_address(void **state)
{
    (void)state;
    char request[256], wanted[SRV_CLIENT_NAME_MAX + 1];
    memset(wanted, 'n', sizeof wanted - 1);
    wanted[sizeof wanted - 1] = '\0';
    (void)snprintf(request, sizeof request,
                   "GET /facts HTTP/1.1\r\nHost: x\r\nX-Who: %s-and-more\r\n"
                   "Connection: close\r\n\r\n",
                   wanted);
    client_ask(f.address, request, &reply);
    assert_int_equal(reply.status, 200);
    assert_true(http_fixture_client_is(&f, wanted));
    client_ask(f.address, "GET /facts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", &reply);
    assert_true(http_fixture_client_is(&f, "127.0.0.1"));
}

static void headers_can_be_read_singly_and_joined(void **state)
{
    (void)state;
    client_ask(f.address,
               "GET /facts HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nX-Many: a, b\r\nx-one: 2\r\n"
               "X-MANY: c\r\n\r\n",
               &reply);
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, "one=1 none=1 many=a, b, c fits=1 cut=1 peer=127.0.0.1 "
                                       "loopback=1 main=1"));
}

static void preflight_route_answers_options_of_every_known_path(void **state)
{
    (void)state;
    client_ask(f.address, "OPTIONS /json HTTP/1.1\r\nHost: x\r\n\r\n", &reply);
    assert_int_equal(reply.status, 204);
    assert_non_null(strstr(reply.text, "\r\nAllow: POST\r\n"));
    assert_null(strstr(reply.text, "\r\nContent-Type:"));
    client_ask(f.address, "OPTIONS /unknown HTTP/1.1\r\nHost: x\r\n\r\n", &reply);
    assert_int_equal(reply.status, 404);
    client_ask(f.address, "DELETE /json HTTP/1.1\r\nHost: x\r\n\r\n", &reply);
    assert_int_equal(reply.status, 405);
}

/* Sends the head of a body of `size` bytes and `sent` of these. */
static int send_long(size_t size, size_t sent)
{
    char head[256];
    char *junk = calloc(1, sent);
    int fd = client_connect(f.address);
    (void)snprintf(head, sizeof head,
                   "POST /video HTTP/1.1\r\nHost: x\r\nContent-Type: video/mp4\r\n"
                   "Content-Length: %zu\r\n\r\n",
                   size);
    (void)client_send(fd, head, strlen(head));
    assert_int_equal(client_send(fd, junk, sent), sent);
    free(junk);
    return fd;
}

static void long_bodies_are_stored_while_their_connections_rest(void **state)
{
    (void)state;
    enum { LONG = 20 << 20, ODD = 12345 };
    for (size_t i = 0; i < 3; i++) {
        int fd = send_long(LONG + ODD * i, LONG + ODD * i);
        char wanted[64];
        client_read(fd, &reply);
        (void)snprintf(wanted, sizeof wanted, "media 1 bytes %zu", LONG + ODD * i);
        assert_non_null(strstr(reply.text, wanted));
        (void)close(fd);
    }
    unsigned gone = atomic_load(&f.ended[SRV_GONE]);
    for (unsigned i = 0; i < 20; i++)
        (void)close(send_long(LONG, (6 << 20) + ODD * i));
    assert_int_equal(http_fixture_wait(&f.ended[SRV_GONE], gone + 20), gone + 20);
    /* The server is stopped with a body half stored; the fixture sees what is left of it. */
    int fd = send_long(LONG, 7 << 20);
    (void)teardown(NULL);
    (void)close(fd);
    (void)setup(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_takes_its_bodies_alone),
        cmocka_unit_test(gate_is_asked_before_body_and_admission),
        cmocka_unit_test(client_is_named_by_the_gate_or_by_its_address),
        cmocka_unit_test(headers_can_be_read_singly_and_joined),
        cmocka_unit_test(preflight_route_answers_options_of_every_known_path),
        cmocka_unit_test(long_bodies_are_stored_while_their_connections_rest),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
