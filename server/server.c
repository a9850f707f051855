#include "server/server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "server/clients/clients.h"
#include "server/container.h"
#include "server/handlers/gate.h"
#include "server/handlers/handlers.h"
#include "server/handlers/label_registry.h"
#include "server/handlers/reloading.h"
#include "server/http/http_server.h"
#include "server/observe/ledger.h"
#include "server/observe/metrics.h"

enum { DRAIN_POLL_MS = 20, LAST_REPLIES_MS = 2000 };

enum phase { PHASE_SERVING, PHASE_DRAINING, PHASE_LAST_REPLIES, PHASE_STOPPED };

struct server {
    uv_loop_t loop;
    struct srv_config config;
    struct srv_log *log;
    struct srv_ledger ledger;
    struct srv_handlers handlers;
    struct srv_http *http, *probe;
    uv_signal_t terminate, interrupt, hang_up;
    struct srv_reload reload; /* that a signal asked for */
    bool reloading, reload_again;
    uv_timer_t drain;
    enum phase phase;
    double phase_start_ms;
    struct m2c_error failure; /* why serving ended, when not by a signal */
};

static void enter(struct server *server, enum phase phase)
{
    server->phase = phase;
    server->phase_start_ms = m2c_clock_ms();
}

static void on_request_end(const struct srv_record *record, void *context)
{
    struct srv_handlers *handlers = context;
    struct server *server = SRV_CONTAINER(handlers, struct server, handlers);
    srv_ledger_enter(&server->ledger, record);
    srv_metrics_request(handlers->metrics, record);
    srv_log_request(server->log, record);
}

static void on_request_accepted(void *context)
{
    struct srv_handlers *handlers = context;
    srv_metrics_accepted(handlers->metrics);
}

static void on_library_message(const char *message, void *context)
{
    struct srv_handlers *handlers = context;
    struct server *server = SRV_CONTAINER(handlers, struct server, handlers);
    srv_log_event(server->log, SRV_LOG_DEBUG, "libmicrohttpd", "message", message);
}

/* ---- the end ---- */

static void stop(struct server *server)
{
    char books[160];
    const struct srv_ledger *ledger = &server->ledger;
    enter(server, PHASE_STOPPED);
    (void)snprintf(books, sizeof books, "answered %llu, expired %llu, gone %llu, refused %llu",
                   (unsigned long long)ledger->answered, (unsigned long long)ledger->expired,
                   (unsigned long long)ledger->gone, (unsigned long long)ledger->refused);
    srv_log_event(server->log, SRV_LOG_INFO, "stopped", "requests", books);
    if (server->http)
        srv_http_stop(server->http, NULL, NULL);
    if (server->probe)
        srv_http_stop(server->probe, NULL, NULL);
    if (server->handlers.engine)
        srv_engine_stop(server->handlers.engine, NULL, NULL);
    uv_close((uv_handle_t *)&server->terminate, NULL);
    uv_close((uv_handle_t *)&server->interrupt, NULL);
    uv_close((uv_handle_t *)&server->hang_up, NULL);
    uv_close((uv_handle_t *)&server->drain, NULL);
}

static void on_drain(uv_timer_t *timer)
{
    struct server *server = timer->data;
    double spent_ms = m2c_clock_ms() - server->phase_start_ms;
    bool waited = server->phase == PHASE_LAST_REPLIES && spent_ms >= LAST_REPLIES_MS;
    if (srv_http_active(server->http) == 0 || waited) {
        stop(server);
    } else if (server->phase == PHASE_DRAINING &&
               spent_ms >= (double)server->config.drain_s * 1000.0) {
        struct m2c_error err;
        (void)m2c_fail(&err, M2C_DRAINING, "the server's %d s to finish have passed",
                       (int)server->config.drain_s);
        enter(server, PHASE_LAST_REPLIES);
        srv_handlers_end_all(&server->handlers, &err);
    }
}

static void drain(struct server *server)
{
    enter(server, PHASE_DRAINING);
    struct m2c_error err;
    (void)m2c_fail(&err, M2C_DRAINING, "the server is shutting down");
    server->handlers.draining = true;
    srv_handlers_end_streams(&server->handlers, &err);
    srv_http_quiesce(server->http);
    (void)uv_timer_start(&server->drain, on_drain, 0, DRAIN_POLL_MS);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    if (server->phase != PHASE_SERVING)
        _exit(128 + number);
    srv_log_event(server->log, SRV_LOG_INFO, "draining", NULL, NULL);
    drain(server);
}

/* ---- reload ---- */

static void reload(struct server *server);

static void on_reloaded(struct srv_reload *wish, const struct m2c_error *err)
{
    struct server *server = SRV_CONTAINER(wish, struct server, reload);
    server->reloading = false;
    srv_handlers_reloaded(&server->handlers, err);
    if (server->reload_again)
        reload(server);
}

/* Signals that come while one reload runs ask for one more. */
static void reload(struct server *server)
{
    struct srv_engine *engine = server->handlers.engine;
    server->reload_again = server->reloading;
    if (server->reloading || server->phase != PHASE_SERVING || !srv_engine_served(engine))
        return;
    server->reloading = true;
    server->reload.done = on_reloaded;
    srv_engine_reload(engine, &server->reload);
}

static void reload_keys(struct server *server)
{
    struct m2c_error err;
    bool ok = srv_clients_reload(server->handlers.clients, &err) == M2C_OK;
    if (!ok)
        srv_log_error(server->log, SRV_LOG_ERROR, "api_keys_failed", &err);
    if (server->config.api_key_file)
        srv_metrics_reload(server->handlers.metrics, "api_keys", ok);
}

static void on_hang_up(uv_signal_t *handle, int number)
{
    struct server *server = handle->data;
    (void)number;
    srv_log_event(server->log, SRV_LOG_INFO, "reloading", NULL, NULL);
    reload_keys(server);
    reload(server);
}

/* ---- the model ---- */

static void on_ready(void *context)
{
    struct server *server = context;
    const struct m2c_model *model = srv_served_model(srv_engine_served(server->handlers.engine));
    if (server->phase != PHASE_SERVING)
        return;
    srv_log_event(server->log, SRV_LOG_INFO, "ready", "precision",
                  m2c_precision_name(m2c_model_precision(model)));
    (void)printf("listening on %s://%s\n", srv_http_scheme(server->http),
                 srv_http_address(server->http));
    (void)fflush(stdout);
}

static void on_failed(const struct m2c_error *err, void *context)
{
    struct server *server = context;
    server->failure = *err;
    srv_log_error(server->log, SRV_LOG_ERROR, "model_failed", err);
    if (server->phase == PHASE_SERVING)
        drain(server);
}

static void on_trouble(const struct m2c_error *err, void *context)
{
    struct server *server = context;
    srv_log_error(server->log, SRV_LOG_WARN, "cache_trouble", err);
}

/* ---- the start ---- */

static enum m2c_status listen_on(struct server *server, const char *address,
                                 enum srv_listener listener, struct srv_http **out,
                                 struct m2c_error *err)
{
    const struct srv_config *config = &server->config;
    struct srv_http_options options = {
        .address = address,
        .tls_certificate = listener == SRV_ON_MAIN ? config->tls_certificate : NULL,
        .tls_key = config->tls_key,
        .listener = listener,
        .router = srv_handlers_router(),
        .context = &server->handlers,
        .storage = server->handlers.storage,
        .allow_chunked = config->allow_chunked,
        .max_body_bytes = (uint64_t)config->max_body_bytes,
        .max_json_bytes = (uint64_t)config->max_json_video_bytes,
        .max_plain_json_bytes = (uint64_t)config->max_json_bytes,
        .max_label_set_bytes = (uint64_t)config->max_label_set_bytes,
        .times = srv_config_times(config),
        .max_connections = (unsigned)config->max_connections,
        .max_connections_per_address = (unsigned)config->max_connections_per_address,
        .gate = srv_gate,
        .on_accept = on_request_accepted,
        .on_end = on_request_end,
        .on_library_message = on_library_message,
    };
    options.router.preflight = srv_gate_preflight(&server->handlers);
    enum m2c_status status = srv_http_start(&server->loop, &options, out, err);
    if (status == M2C_OK)
        srv_log_event(server->log, SRV_LOG_INFO, listener == SRV_ON_MAIN ? "bound" : "bound_probes",
                      "address", srv_http_address(*out));
    return status;
}

static enum m2c_status open_label_sets(struct server *server, struct m2c_error *err)
{
    const struct srv_config *config = &server->config;
    const struct srv_label_registry_options options = {
        .loop = &server->loop,
        .store_dir = config->cache_dir,
        .read_only_dir = config->label_sets_dir,
        .limits = srv_config_request_limits(config),
        .max_json_bytes = (size_t)config->max_label_set_bytes,
        .max_pinned_bytes = (size_t)config->label_cache_bytes,
        .on_trouble = on_trouble,
        .context = server,
    };
    return srv_label_registry_new(&options, &server->handlers.label_sets, err);
}

static enum m2c_status start(struct server *server, struct m2c_error *err)
{
    const struct srv_config *config = &server->config;
    struct srv_engine_options engine = {
        .model = config->model,
        .scheduler = {.threads = config->threads > 0 ? (int)config->threads : m2c_cpu_count(),
                      .workers = (int)config->workers,
                      .max_batch_clips = (int)config->max_batch_clips,
                      .max_wait_ms = (double)config->max_wait_ms,
                      .nice = (int)config->compute_nice},
        .decoder = {.threads = (int)config->decoders,
                    .max_held_bytes = (size_t)config->max_decoded_bytes,
                    .nice = (int)config->compute_nice},
        .max_queue_ms = (double)config->max_queue_ms,
        .max_queue = (size_t)config->max_queue,
        .label_cache_bytes = (size_t)config->label_cache_bytes,
        .video_cache_bytes = (size_t)config->video_cache_bytes,
        .cache_dir = config->cache_dir,
        .decode_limits = srv_config_decode_limits(config),
        .on_ready = on_ready,
        .on_failed = on_failed,
        .on_trouble = on_trouble,
        .context = server,
    };
    enum m2c_status status = listen_on(server, config->listen, SRV_ON_MAIN, &server->http, err);
    if (status == M2C_OK && config->probe_listen)
        status = listen_on(server, config->probe_listen, SRV_ON_PROBE, &server->probe, err);
    server->handlers.http = server->http;
    server->handlers.probe = server->probe;
    if (status == M2C_OK)
        status = open_label_sets(server, err);
    if (status == M2C_OK)
        status = srv_engine_start(&server->loop, &engine, &server->handlers.engine, err);
    return status;
}

static enum m2c_status open_loop(struct server *server, struct m2c_error *err)
{
    if (uv_loop_init(&server->loop) != 0)
        return m2c_fail(err, M2C_INTERNAL, "the event loop cannot be made");
    (void)uv_signal_init(&server->loop, &server->terminate);
    (void)uv_signal_init(&server->loop, &server->interrupt);
    (void)uv_signal_init(&server->loop, &server->hang_up);
    (void)uv_timer_init(&server->loop, &server->drain);
    server->terminate.data = server;
    server->interrupt.data = server;
    server->hang_up.data = server;
    server->drain.data = server;
    (void)uv_signal_start(&server->terminate, on_signal, SIGTERM);
    (void)uv_signal_start(&server->interrupt, on_signal, SIGINT);
    (void)uv_signal_start(&server->hang_up, on_hang_up, SIGHUP);
    return M2C_OK;
}

/* As many descriptors as the system lets us have: each connection takes one or two. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum m2c_status serve(struct server *server, struct m2c_error *err)
{
    enum m2c_status status = open_loop(server, err);
    if (status != M2C_OK)
        return status;
    status = start(server, err);
    if (status != M2C_OK)
        stop(server);
    (void)uv_run(&server->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&server->loop) != 0 && status == M2C_OK)
        status = m2c_fail(err, M2C_INTERNAL, "the event loop still holds handles at its end");
    if (status == M2C_OK && server->failure.status != M2C_OK) {
        *err = server->failure;
        status = err->status;
    }
    return status;
}

static enum m2c_status open_books(struct server *server, struct m2c_error *err)
{
    const struct srv_config *config = &server->config;
    const struct srv_clients_options options = {
        .api_key_file = config->api_key_file,
        .trusted_proxies = config->trusted_proxies,
        .rate_limit = config->rate_limit,
        .cors_origins = config->cors_origins,
        .share_percent = (double)config->client_share,
        .max_requests = (size_t)config->max_queue,
    };
    const struct srv_storage_options storage = {.memory_bytes = (uint64_t)config->body_memory_bytes,
                                                .spool_bytes = (uint64_t)config->spool_bytes,
                                                .spool_dir = config->spool_dir};
    enum m2c_status status = srv_log_new(STDERR_FILENO, config->log_level, &server->log, err);
    if (status == M2C_OK)
        status = srv_storage_new(&storage, &server->handlers.storage, err);
    server->handlers.log = server->log;
    if (status == M2C_OK)
        status = srv_metrics_new(&server->handlers.metrics, err);
    if (status == M2C_OK)
        status = srv_clients_new(&options, &server->handlers.clients, err);
    return status;
}

enum m2c_status srv_server_run(const struct srv_config *config, struct m2c_error *err)
{
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return m2c_fail_memory(err, "the server", sizeof *server);
    server->config = *config;
    server->handlers.config = &server->config;
    raise_descriptor_limit();
    enum m2c_status status = open_books(server, err);
    if (status == M2C_OK)
        status = serve(server, err);
    srv_label_registry_free(&server->handlers.label_sets);
    srv_clients_free(&server->handlers.clients);
    srv_metrics_free(&server->handlers.metrics);
    srv_storage_unref(server->handlers.storage);
    srv_log_free(&server->log);
    free(server);
    return status;
}

/* ---- the contract ---- */

static void print_route(FILE *stream, const struct srv_route *route)
{
    srv_status_set problems = srv_router_problems(route);
    const char *separator = "";
    (void)fprintf(stream, "{\"method\": \"%s\", \"path\": \"%s\", \"problems\": [", route->method,
                  route->path);
    for (unsigned i = 1; i < M2C_STATUS_COUNT; i++) {
        enum m2c_status status = (enum m2c_status)i;
        if (!(problems >> i & 1u))
            continue;
        (void)fprintf(stream, "%s{\"status\": %d, \"code\": \"%s\"}", separator,
                      m2c_status_http(status), m2c_status_code(status));
        separator = ", ";
    }
    (void)fprintf(stream, "]}\n");
}

void srv_server_print_routes(FILE *stream)
{
    struct srv_router router = srv_handlers_router();
    for (size_t i = 0; i < router.count; i++)
        print_route(stream, &router.routes[i]);
}
