/* Handlers and engine behind real listeners, with a loader that the test holds back. */
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "http_client.h"
#include "model/random_model.h"
#include "server/clients/clients.h"
#include "server/handlers/handlers.h"
#include "server/http/http_server.h"
#include "tests/unit/model/scratch_folder.h"

struct service {
    uv_loop_t loop;
    uv_async_t quit, drain;
    struct srv_config config;
    struct srv_handlers handlers;
    struct srv_http *http;
    pthread_t thread;
    sem_t may_load, settled;
    enum m2c_status outcome;
    char address[128];
};

static struct service s;
static struct scratch scratch;
static struct reply reply;
static enum m2c_status load_fails_with;

static enum m2c_status held_load(const struct m2c_model_options *options, struct m2c_model **out,
                                 struct m2c_error *err)
{
    while (sem_wait(&s.may_load) != 0)
        continue;
    if (load_fails_with != M2C_OK)
        return m2c_fail(err, load_fails_with, "the weights are not to be had");
    return m2c_model_load(options, out, err);
}

static void on_ready(void *context)
{
    (void)context;
    s.outcome = M2C_OK;
    (void)sem_post(&s.settled);
}

static void on_failed(const struct m2c_error *err, void *context)
{
    (void)context;
    s.outcome = err->status;
    (void)sem_post(&s.settled);
}

static void on_quit(uv_async_t *async)
{
    struct m2c_error err;
    (void)m2c_fail(&err, M2C_DRAINING, "the test ends");
    srv_handlers_end_all(&s.handlers, &err);
    srv_http_stop(s.http, NULL, NULL);
    srv_engine_stop(s.handlers.engine, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
    uv_close((uv_handle_t *)&s.drain, NULL);
}

static void on_drain(uv_async_t *async)
{
    (void)async;
    s.handlers.draining = true;
    (void)sem_post(&s.settled);
}

static void *serve(void *argument)
{
    (void)argument;
    (void)uv_run(&s.loop, UV_RUN_DEFAULT);
    return NULL;
}

static int setup(void **state)
{
    struct m2c_error err;
    (void)state;
    memset(&s, 0, sizeof s);
    s.config = srv_config_default();
    s.handlers.config = &s.config;
    const struct srv_storage_options storage = {.memory_bytes = 4 << 20};
    const struct srv_clients_options clients = {.share_percent = 100.0};
    assert_int_equal(srv_storage_new(&storage, &s.handlers.storage, &err), M2C_OK);
    assert_int_equal(srv_clients_new(&clients, &s.handlers.clients, &err), M2C_OK);
    struct srv_http_options http = {.address = "127.0.0.1:0",
                                    .listener = SRV_ON_MAIN,
                                    .storage = s.handlers.storage,
                                    .router = srv_handlers_router(),
                                    .context = &s.handlers,
                                    .max_body_bytes = 1 << 20,
                                    .max_json_bytes = 1 << 20,
                                    .times = srv_config_times(&s.config),
                                    .max_connections = 100};
    struct srv_engine_options engine = {
        .model = {.dir = scratch.dir,
                  .precision = M2C_PRECISION_F32,
                  .backend = M2C_BACKEND_OPENBLAS},
        .scheduler = {.threads = 1, .workers = 1, .max_batch_clips = 4},
        .decoder = {.threads = 1, .max_held_bytes = 1 << 26},
        .max_queue_ms = 1000.0,
        .max_queue = 16,
        .label_cache_bytes = 1 << 20,
        .decode_limits = srv_config_decode_limits(&s.config),
        .load = held_load,
        .on_ready = on_ready,
        .on_failed = on_failed};
    assert_int_equal(sem_init(&s.may_load, 0, 0), 0);
    assert_int_equal(sem_init(&s.settled, 0, 0), 0);
    assert_int_equal(uv_loop_init(&s.loop), 0);
    assert_int_equal(uv_async_init(&s.loop, &s.quit, on_quit), 0);
    assert_int_equal(uv_async_init(&s.loop, &s.drain, on_drain), 0);
    assert_int_equal(srv_http_start(&s.loop, &http, &s.http, &err), M2C_OK);
    (void)snprintf(s.address, sizeof s.address, "%s", srv_http_address(s.http));
    assert_int_equal(srv_engine_start(&s.loop, &engine, &s.handlers.engine, &err), M2C_OK);
    assert_int_equal(pthread_create(&s.thread, NULL, serve, NULL), 0);
    return 0;
}

static void wait_settled(void)
{
    while (sem_wait(&s.settled) != 0)
        continue;
}

static void let_load(enum m2c_status failure)
{
    load_fails_with = failure;
    (void)sem_post(&s.may_load);
    wait_settled();
}

static int teardown(void **state)
{
    (void)state;
    (void)sem_post(&s.may_load); /* a loader that still waits */
    assert_int_equal(uv_async_send(&s.quit), 0);
    assert_int_equal(pthread_join(s.thread, NULL), 0);
    assert_int_equal(uv_loop_close(&s.loop), 0);
    srv_storage_unref(s.handlers.storage);
    srv_clients_free(&s.handlers.clients);
    (void)sem_destroy(&s.may_load);
    (void)sem_destroy(&s.settled);
    return 0;
}

static void get(const char *path)
{
    char request[256];
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    client_ask(s.address, request, &reply);
}

static void post(const char *path, const char *content_type, const char *body)
{
    char request[4096];
    (void)snprintf(
        request, sizeof request,
        "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", path,
        content_type, strlen(body), body);
    client_ask(s.address, request, &reply);
}

static void loading_server_answers_probes_and_refuses_work(void **state)
{
    (void)state;
    get("/healthz");
    assert_int_equal(reply.status, 200);
    get("/readyz");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "{\"state\": \"loading\"}"));
    get("/v1/models");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "\"code\": \"loading\""));
    post("/v1/classify", "video/mp4", "bytes");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "\"code\": \"loading\""));
    assert_non_null(strstr(reply.text, "\r\nRetry-After: 1\r\n"));

    let_load(M2C_OK);
    assert_int_equal(s.outcome, M2C_OK);
    get("/readyz");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, "{\"state\": \"ready\"}"));
    get("/v1/models");
    assert_int_equal(reply.status, 200);
    post("/v1/classify", "video/mp4", "bytes");
    assert_int_equal(reply.status, 422);
}

static void failed_load_is_told_and_never_ready(void **state)
{
    (void)state;
    let_load(M2C_BAD_MODEL);
    assert_int_equal(s.outcome, M2C_BAD_MODEL);
    get("/readyz");
    assert_int_equal(reply.status, 503);
    get("/healthz");
    assert_int_equal(reply.status, 200);
}

static void server_that_still_loads_can_be_stopped(void **state)
{
    (void)state;
    get("/healthz");
    assert_int_equal(reply.status, 200);
}

static void draining_server_refuses_work_and_says_so(void **state)
{
    (void)state;
    let_load(M2C_OK);
    (void)uv_async_send(&s.drain);
    wait_settled();
    post("/v1/zeroshot", "video/mp4", "bytes");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "\"code\": \"draining\""));
    get("/readyz");
    assert_int_equal(reply.status, 503);
    assert_non_null(strstr(reply.text, "{\"state\": \"draining\"}"));
}

static void inputs_without_a_video_need_no_decoder(void **state)
{
    (void)state;
    let_load(M2C_OK);
    post("/v1/zeroshot", "application/json",
         "{\"inputs\": [{\"url\": \"x\"}, {\"video_id\": \"y\"}]}");
    assert_int_equal(reply.status, 200);
    assert_non_null(strstr(reply.text, "url_fetch_disabled"));
    assert_non_null(strstr(reply.text, "video_not_kept"));
}

static int make_model(void **state)
{
    struct m2c_error err;
    struct m2c_random_spec spec = m2c_random_spec_defaults(M2C_ARCH_TINY);
    (void)state;
    spec.classes = 5;
    scratch_make(&scratch);
    assert_int_equal(m2c_random_model_write(&spec, scratch.dir, &err), M2C_OK);
    return 0;
}

static int remove_model(void **state)
{
    (void)state;
    scratch_remove(&scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(loading_server_answers_probes_and_refuses_work, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(failed_load_is_told_and_never_ready, setup, teardown),
        cmocka_unit_test_setup_teardown(server_that_still_loads_can_be_stopped, setup, teardown),
        cmocka_unit_test_setup_teardown(draining_server_refuses_work_and_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_without_a_video_need_no_decoder, setup, teardown),
    };
    return cmocka_run_group_tests(tests, make_model, remove_model);
}
