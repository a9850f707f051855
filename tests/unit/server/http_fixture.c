#include "http_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_BODY = 64 << 20, ROOM = 256 << 20 };

static void on_end(const struct srv_record *record, void *context)
{
    struct http_fixture *fixture = context;
    (void)pthread_mutex_lock(&fixture->mutex);
    (void)snprintf(fixture->client, sizeof fixture->client, "%s", record->client);
    (void)pthread_mutex_unlock(&fixture->mutex);
    if (record->accepted)
        atomic_fetch_add(&fixture->ended[record->outcome], 1);
}

struct srv_http_options http_fixture_options(struct http_fixture *fixture)
{
    const struct srv_storage_options room = {.memory_bytes = ROOM, .spool_bytes = ROOM};
    struct m2c_error err;
    if (!fixture->storage)
        assert_int_equal(srv_storage_new(&room, &fixture->storage, &err), M2C_OK);
    return (struct srv_http_options){.address = "127.0.0.1:0",
                                     .listener = SRV_ON_MAIN,
                                     .context = fixture,
                                     .storage = fixture->storage,
                                     .max_body_bytes = MAX_BODY,
                                     .max_json_bytes = MAX_BODY,
                                     .max_plain_json_bytes = 100,
                                     .max_label_set_bytes = 200,
                                     .times = {.header_deadline_ms = 5000.0,
                                               .body_deadline_ms = 60000.0,
                                               .keep_alive_ms = 5000.0,
                                               .reply_deadline_ms = 2000.0,
                                               .body_min_rate = 1000},
                                     .max_connections = 200,
                                     .on_end = on_end};
}

static void on_quit(uv_async_t *async)
{
    struct http_fixture *fixture = async->data;
    srv_http_stop(fixture->http, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void *serve(void *argument)
{
    struct http_fixture *fixture = argument;
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    return NULL;
}

void http_fixture_start(struct http_fixture *fixture, const struct srv_http_options *options)
{
    struct m2c_error err;
    assert_int_equal(pthread_mutex_init(&fixture->mutex, NULL), 0);
    assert_int_equal(uv_loop_init(&fixture->loop), 0);
    assert_int_equal(uv_async_init(&fixture->loop, &fixture->quit, on_quit), 0);
    fixture->quit.data = fixture;
    assert_int_equal(srv_http_start(&fixture->loop, options, &fixture->http, &err), M2C_OK);
    (void)snprintf(fixture->address, sizeof fixture->address, "%s",
                   srv_http_address(fixture->http));
    assert_int_equal(pthread_create(&fixture->thread, NULL, serve, fixture), 0);
}

void http_fixture_stop(struct http_fixture *fixture)
{
    assert_int_equal(uv_async_send(&fixture->quit), 0);
    assert_int_equal(pthread_join(fixture->thread, NULL), 0);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    struct srv_storage_facts room = srv_storage_facts(fixture->storage);
    for (int i = 0; i < 5000 && room.spool_bytes > 0; i++) { /* files are closed elsewhere */
        (void)usleep(1000);
        room = srv_storage_facts(fixture->storage);
    }
    assert_int_equal(room.memory_bytes, 0);
    assert_int_equal(room.spool_bytes, 0);
    srv_storage_unref(fixture->storage);
    (void)pthread_mutex_destroy(&fixture->mutex);
    fixture->storage = NULL;
}

unsigned http_fixture_wait(atomic_uint *count, unsigned wanted)
{
    for (int i = 0; i < 5000 && atomic_load(count) < wanted; i++)
        (void)usleep(1000);
    return atomic_load(count);
}

bool http_fixture_client_is(struct http_fixture *fixture, const char *client)
{
    bool same = false;
    for (int i = 0; i < 5000 && !same; i++) {
        (void)pthread_mutex_lock(&fixture->mutex);
        same = strcmp(fixture->client, client) == 0;
        (void)pthread_mutex_unlock(&fixture->mutex);
        if (!same)
            (void)usleep(1000);
    }
    return same;
}
