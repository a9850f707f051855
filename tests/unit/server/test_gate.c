/* Whom the gate lets through: routes of each access, listeners of each kind, keys of each role. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http_client.h"
#include "http_fixture.h"
#include "server/clients/clients.h"
#include "server/handlers/gate.h"

#define INFER_KEY "infer-key-0123456789"
#define ADMIN_KEY "admin-key-0123456789"

static struct m2c_error err;
static struct srv_handlers handlers;

/* Says who asks. */
static void answer(struct srv_request *request, void *context)
{
    struct srv_response response = srv_response_new(200, "text/plain");
    (void)context;
    response.bytes = strdup(srv_request_client(request));
    assert_non_null(response.bytes);
    response.size = strlen(response.bytes);
    srv_request_respond(request, &response);
}

#define ROUTE(name, whom)                                                                          \
    {                                                                                              \
        .method = "GET", .path = name, .access = whom, .listeners = SRV_ON_MAIN | SRV_ON_PROBE,    \
        .handle = answer                                                                           \
    }

static const struct srv_route routes[] = {
    ROUTE("/open", SRV_ACCESS_OPEN),
    ROUTE("/infer", SRV_ACCESS_INFER),
    ROUTE("/admin", SRV_ACCESS_ADMIN),
    ROUTE("/metrics", SRV_ACCESS_METRICS),
};

static void begin(struct http_fixture *fixture, const char *address, enum srv_listener listener,
                  bool with_keys)
{
    static const char keys[] = "alice:infer:" INFER_KEY "\nroot:admin:" ADMIN_KEY "\n";
    struct srv_clients_options rules = {.share_percent = 50};
    struct srv_http_options options = http_fixture_options(fixture);
    options.address = address;
    options.listener = listener;
    options.router = (struct srv_router){.routes = routes, .count = 4};
    options.context = &handlers;
    options.gate = srv_gate;
    options.on_end = NULL;
    assert_int_equal(srv_clients_new(&rules, &handlers.clients, &err), M2C_OK);
    if (with_keys)
        assert_int_equal(srv_api_keys_parse(keys, sizeof keys - 1, &handlers.clients->keys, &err),
                         M2C_OK);
    http_fixture_start(fixture, &options);
}

static void end(struct http_fixture *fixture)
{
    http_fixture_stop(fixture);
    srv_clients_free(&handlers.clients);
}

static int ask(const struct http_fixture *fixture, const char *path, const char *key,
               struct reply *reply)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: x\r\n%s%s%sConnection: close\r\n\r\n", path,
                   key ? "X-API-Key: " : "", key ? key : "", key ? "\r\n" : "");
    client_ask(fixture->address, text, reply);
    return reply->status;
}

static int status_of(const struct http_fixture *fixture, const char *path, const char *key)
{
    static struct reply reply;
    return ask(fixture, path, key, &reply);
}

static void without_keys_loopback_may_do_everything(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    struct reply *reply = calloc(1, sizeof *reply);
    assert_non_null(reply);
    begin(&fixture, "127.0.0.1:0", SRV_ON_MAIN, false);
    assert_int_equal(status_of(&fixture, "/open", NULL), 200);
    assert_int_equal(status_of(&fixture, "/infer", NULL), 200);
    assert_int_equal(status_of(&fixture, "/metrics", NULL), 200);
    assert_int_equal(ask(&fixture, "/admin", NULL, reply), 200);
    assert_non_null(strstr(reply->text, "\r\n\r\n127.0.0.1"));
    end(&fixture);
    free(reply);
}

static void without_keys_nobody_changes_a_server_that_others_reach(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    begin(&fixture, "0.0.0.0:0", SRV_ON_MAIN, false);
    assert_int_equal(status_of(&fixture, "/infer", NULL), 200);
    assert_int_equal(status_of(&fixture, "/metrics", NULL), 200);
    assert_int_equal(status_of(&fixture, "/admin", NULL), 403);
    assert_int_equal(status_of(&fixture, "/admin", ADMIN_KEY), 403);
    end(&fixture);
    begin(&fixture, "0.0.0.0:0", SRV_ON_PROBE, false);
    assert_int_equal(status_of(&fixture, "/admin", NULL), 200);
    end(&fixture);
}

static int ask_as_page(const struct http_fixture *fixture, const char *path, const char *origin)
{
    static struct reply reply;
    char text[512];
    (void)snprintf(text, sizeof text,
                   "GET %s HTTP/1.1\r\nHost: localhost:8080\r\nOrigin: %s\r\n"
                   "Connection: close\r\n\r\n",
                   path, origin);
    client_ask(fixture->address, text, &reply);
    return reply.status;
}

static void without_keys_pages_of_other_origins_change_nothing(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    begin(&fixture, "127.0.0.1:0", SRV_ON_MAIN, false);
    assert_int_equal(ask_as_page(&fixture, "/admin", "http://localhost:8080"), 200);
    assert_int_equal(ask_as_page(&fixture, "/admin", "http://localhost:80801"), 403);
    assert_int_equal(ask_as_page(&fixture, "/admin", "https://evil.example"), 403);
    assert_int_equal(ask_as_page(&fixture, "/admin", "null"), 403);
    assert_int_equal(ask_as_page(&fixture, "/infer", "https://evil.example"), 200);
    end(&fixture);
}

static void with_keys_each_role_opens_its_routes(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    begin(&fixture, "127.0.0.1:0", SRV_ON_MAIN, true);
    assert_int_equal(status_of(&fixture, "/open", NULL), 200);
    assert_int_equal(status_of(&fixture, "/open", "wrong"), 200);
    assert_int_equal(status_of(&fixture, "/infer", NULL), 401);
    assert_int_equal(status_of(&fixture, "/infer", INFER_KEY), 200);
    assert_int_equal(status_of(&fixture, "/infer", ADMIN_KEY), 200);
    assert_int_equal(status_of(&fixture, "/metrics", NULL), 401);
    assert_int_equal(status_of(&fixture, "/metrics", INFER_KEY), 200);
    assert_int_equal(status_of(&fixture, "/admin", NULL), 401);
    assert_int_equal(status_of(&fixture, "/admin", INFER_KEY), 403);
    assert_int_equal(status_of(&fixture, "/admin", ADMIN_KEY), 200);
    end(&fixture);
}

static void with_keys_the_probe_listener_opens_metrics_alone(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    begin(&fixture, "0.0.0.0:0", SRV_ON_PROBE, true);
    assert_int_equal(status_of(&fixture, "/metrics", NULL), 200);
    assert_int_equal(status_of(&fixture, "/admin", NULL), 401);
    assert_int_equal(status_of(&fixture, "/admin", ADMIN_KEY), 200);
    end(&fixture);
}

static void client_has_its_keys_name(void **state)
{
    (void)state;
    struct http_fixture fixture = {0};
    struct reply *reply = calloc(1, sizeof *reply);
    assert_non_null(reply);
    begin(&fixture, "127.0.0.1:0", SRV_ON_MAIN, true);
    assert_int_equal(ask(&fixture, "/infer", INFER_KEY, reply), 200);
    assert_non_null(strstr(reply->text, "\r\n\r\nalice"));
    assert_int_equal(ask(&fixture, "/infer", ADMIN_KEY, reply), 200);
    assert_non_null(strstr(reply->text, "\r\n\r\nroot"));
    assert_int_equal(ask(&fixture, "/infer", "wrong", reply), 401);
    assert_non_null(strstr(reply->text, "WWW-Authenticate: Bearer"));
    assert_non_null(strstr(reply->text, "traceparent: 00-"));
    end(&fixture);
    free(reply);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_keys_loopback_may_do_everything),
        cmocka_unit_test(without_keys_nobody_changes_a_server_that_others_reach),
        cmocka_unit_test(without_keys_pages_of_other_origins_change_nothing),
        cmocka_unit_test(with_keys_each_role_opens_its_routes),
        cmocka_unit_test(with_keys_the_probe_listener_opens_metrics_alone),
        cmocka_unit_test(client_has_its_keys_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
