/* A server of the HTTP room on a loop and a thread of its own, for tests that bring their routes.
 */
#ifndef TEST_HTTP_FIXTURE_H
#define TEST_HTTP_FIXTURE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

#include "server/http/http_server.h"

struct http_fixture {
    uv_loop_t loop;
    uv_async_t quit;
    struct srv_http *http;
    struct srv_storage *storage;
    pthread_t thread;
    char address[128];
    atomic_uint ended[3]; /* accepted requests by outcome */
    atomic_uint gone;     /* for the test's own count of on_gone */
    pthread_mutex_t mutex;
    char client[64]; /* of the request that ended last; under the mutex */
};

/* Options that suit loopback and impatience, and storage for 256 MiB of either kind in /tmp unless
 * the test has made its own; routes, gate and the like are the test's. */
struct srv_http_options http_fixture_options(struct http_fixture *fixture);
void http_fixture_start(struct http_fixture *fixture, const struct srv_http_options *options);

/* Stops the server and fails where the loop still holds a handle. */
void http_fixture_stop(struct http_fixture *fixture);

/* Waits up to five seconds until the request that ended last was of that client; whether it was. */
bool http_fixture_client_is(struct http_fixture *fixture, const char *client);

/* Waits up to five seconds until *count is at least `wanted`; what it is then. */
unsigned http_fixture_wait(atomic_uint *count, unsigned wanted);

#endif
