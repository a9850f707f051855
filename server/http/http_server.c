#include "server/http/http_server.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/http/http_internal.h"
#include "server/http/listener.h"

static void pump(struct srv_http *http);

static void on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_epoll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct srv_http *http = prepare->data;
    if (http->pump_wanted)
        pump(http);
}

static void on_check(uv_check_t *check)
{
    struct srv_http *http = check->data;
    if (http->pump_wanted)
        pump(http);
}

static void on_wheel(uv_timer_t *wheel)
{
    srv_peers_expire(wheel->data);
}

/* When the library wants its next step. A client can make it ask for zero without end and without
 * getting anywhere (a chunk line that never ends): after a few of these it must wait a little. */
static void schedule(struct srv_http *http)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(http->daemon, &timeout_ms) != MHD_YES) {
        http->zero_timeouts = 0;
        (void)uv_timer_stop(&http->timer);
        return;
    }
    if (timeout_ms == 0 && !http->progress)
        http->zero_timeouts++;
    else
        http->zero_timeouts = 0;
    if (http->zero_timeouts > SRV_ZERO_TIMEOUTS)
        timeout_ms = SRV_ZERO_TIMEOUT_FLOOR_MS;
    (void)uv_timer_start(&http->timer, on_timer, timeout_ms, 0);
}

static void pump(struct srv_http *http)
{
    if (http->pumping || !http->daemon)
        return;
    http->pumping = true;
    http->pump_wanted = false;
    http->progress = false;
    (void)MHD_run(http->daemon);
    schedule(http);
    http->pumping = false;
}

void srv_http_want_pump(struct srv_http *http)
{
    http->pump_wanted = true;
}

static void on_library_log(void *cls, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void on_library_log(void *cls, const char *format, va_list arguments)
{
    struct srv_http *http = cls;
    char line[256];
    (void)vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\r\n")] = '\0';
    if (http->options.on_library_message)
        http->options.on_library_message(line, http->options.context);
}

static void on_panic(void *cls, const char *file, unsigned line, const char *reason)
{
    (void)cls;
    (void)fprintf(stderr, "libmicrohttpd gave up at %s:%u: %s\n", file, line, reason);
    abort();
}

/* Targets are decoded by request_target.h, which refuses what this library would let through. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    (void)cls;
    (void)connection;
    return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct srv_http *http, int fd)
{
    static char priorities[] = SRV_TLS_PRIORITIES;
    struct MHD_OptionItem plain[] = {{MHD_OPTION_END, 0, NULL}};
    struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, http->tls.certificate},
                                   {MHD_OPTION_HTTPS_MEM_KEY, 0, http->tls.key},
                                   {MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
                                   {MHD_OPTION_END, 0, NULL}};
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    if (http->tls.key)
        flags |= MHD_USE_TLS;
    return MHD_start_daemon(
        flags, 0, NULL, NULL, srv_access, http, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, http,
        MHD_OPTION_ARRAY, http->tls.key ? tls : plain, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, http->options.max_connections,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, http->options.max_connections_per_address,
        /* Idle time alone; every other deadline is the wheel's. */
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)ceil(http->options.times.keep_alive_ms / 1000.0),
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, SRV_CONNECTION_MEMORY_BYTES,
        MHD_OPTION_CONNECTION_MEMORY_INCREMENT, SRV_CONNECTION_INCREMENT_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL,
        MHD_OPTION_URI_LOG_CALLBACK, srv_access_uri, http, MHD_OPTION_NOTIFY_COMPLETED,
        srv_access_completed, http, MHD_OPTION_NOTIFY_CONNECTION, srv_peer_notify, http,
        MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_END);
}

static void http_free(struct srv_http *http)
{
    srv_tls_destroy(&http->tls);
    srv_storage_unref(http->storage);
    free(http);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct srv_http *http = handle->data;
    if (--http->open_handles > 0)
        return;
    void (*on_closed)(void *argument) = http->on_closed;
    void *argument = http->on_closed_argument;
    http_free(http);
    if (on_closed)
        on_closed(argument);
}

static void open_handle(struct srv_http *http, uv_handle_t *handle)
{
    handle->data = http;
    http->open_handles++;
}

static enum m2c_status start_handles(struct srv_http *http, struct m2c_error *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || uv_poll_init(http->loop, &http->poll, info->epoll_fd) != 0)
        return m2c_fail(err, M2C_INTERNAL, "the HTTP library has no epoll descriptor");
    open_handle(http, (uv_handle_t *)&http->poll);
    (void)uv_timer_init(http->loop, &http->timer);
    open_handle(http, (uv_handle_t *)&http->timer);
    (void)uv_timer_init(http->loop, &http->wheel);
    open_handle(http, (uv_handle_t *)&http->wheel);
    (void)uv_prepare_init(http->loop, &http->prepare);
    open_handle(http, (uv_handle_t *)&http->prepare);
    (void)uv_check_init(http->loop, &http->check);
    open_handle(http, (uv_handle_t *)&http->check);
    if (uv_poll_start(&http->poll, UV_READABLE, on_epoll) != 0)
        return m2c_fail(err, M2C_INTERNAL, "the HTTP library's descriptor cannot be polled");
    (void)uv_timer_start(&http->wheel, on_wheel, 1000, 1000);
    (void)uv_prepare_start(&http->prepare, on_prepare);
    (void)uv_check_start(&http->check, on_check);
    srv_http_want_pump(http);
    return M2C_OK;
}

enum m2c_status srv_http_start(uv_loop_t *loop, const struct srv_http_options *options,
                               struct srv_http **out, struct m2c_error *err)
{
    int fd = -1;
    struct srv_http *http = calloc(1, sizeof *http);
    if (!http)
        return m2c_fail_memory(err, "an HTTP server", sizeof *http);
    http->loop = loop;
    http->options = *options;
    http->storage = srv_storage_ref(options->storage);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file limit is a full disk, not an end */
    MHD_set_panic_func(on_panic, NULL);
    enum m2c_status status =
        options->tls_certificate
            ? srv_tls_load(options->tls_certificate, options->tls_key, &http->tls, err)
            : M2C_OK;
    if (status == M2C_OK)
        status = srv_listener_open(options->address, &fd, http->address, sizeof http->address, err);
    if (status != M2C_OK) {
        http_free(http);
        return status;
    }
    http->on_loopback = srv_listener_is_loopback(fd);
    http->daemon = start_daemon(http, fd);
    if (!http->daemon) {
        (void)close(fd);
        http_free(http);
        return options->tls_certificate
                   ? m2c_fail_field(err, M2C_USAGE, "tls-cert",
                                    "this certificate and this key cannot be served together")
                   : m2c_fail(err, M2C_INTERNAL, "the HTTP library does not start");
    }
    status = start_handles(http, err);
    if (status != M2C_OK) {
        srv_http_stop(http, NULL, NULL);
        return status;
    }
    *out = http;
    return M2C_OK;
}

const char *srv_http_address(const struct srv_http *http)
{
    return http->address;
}

const char *srv_http_scheme(const struct srv_http *http)
{
    return http->tls.key ? "https" : "http";
}

size_t srv_http_active(const struct srv_http *http)
{
    return http->active;
}

struct srv_http_counts srv_http_counts(const struct srv_http *http)
{
    struct srv_http_counts counts = {0};
    for (const struct srv_peer *peer = http->peers; peer; peer = peer->next)
        counts.connections++;
    for (const struct srv_request *request = http->requests; request; request = request->next)
        counts.streams += request->stream != NULL;
    return counts;
}

void srv_http_quiesce(struct srv_http *http)
{
    if (http->quiesced)
        return;
    http->quiesced = true;
    MHD_socket fd = MHD_quiesce_daemon(http->daemon);
    if (fd != MHD_INVALID_SOCKET)
        (void)close(fd);
    srv_peers_close_idle(http);
}

/* The library aborts the process when it is stopped with a suspended connection. */
static void resume_all(struct srv_http *http)
{
    for (struct srv_request *request = http->requests; request; request = request->next)
        if (request->suspended)
            srv_request_gone(request);
    (void)MHD_run(http->daemon);
}

void srv_http_stop(struct srv_http *http, void (*on_closed)(void *argument), void *argument)
{
    http->on_closed = on_closed;
    http->on_closed_argument = argument;
    srv_http_quiesce(http);
    http->pumping = true;
    http->stopping = true;
    resume_all(http);
    MHD_stop_daemon(http->daemon);
    http->daemon = NULL;
    srv_linger_end_all(http);
    if (http->open_handles == 0) {
        http_free(http);
        return;
    }
    uv_handle_t *handles[] = {(uv_handle_t *)&http->poll, (uv_handle_t *)&http->timer,
                              (uv_handle_t *)&http->wheel, (uv_handle_t *)&http->prepare,
                              (uv_handle_t *)&http->check};
    for (size_t i = 0; i < sizeof handles / sizeof handles[0]; i++)
        if (handles[i]->data)
            uv_close(handles[i], on_handle_closed);
}
