/* m2clip serve: the HTTP service. */
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/session.h"
#include "runtime/cpu.h"
#include "server/server.h"

enum {
    MAX_THREADS = 1024,
    MAX_DECODERS = 256,
    MAX_CONNECTIONS = 100000,
    MAX_QUEUE = 100000,
    MAX_DRAIN_S = 86400,
    MAX_LABELS = 100000,
    MAX_TIMEOUT_MS = 86400000,
};

static const struct cli_option own_options[] = {
    {"listen", CLI_VALUE, "HOST:PORT", "where to listen (127.0.0.1:8080); port 0 picks one", 0},
    {"probe-listen", CLI_VALUE, "HOST:PORT", "a second listener for health probes alone", 0},
    {"decoders", CLI_VALUE, "N", "threads that decode video (2)", 0},
    {"max-body-bytes", CLI_VALUE, "N", "largest request body (536870912)", 0},
    {"max-labels", CLI_VALUE, "N", "labels of one request (1000)", 0},
    {"max-timeout-ms", CLI_VALUE, "N", "longest timeout_ms that may be asked for (300000)", 0},
    {"max-connections", CLI_VALUE, "N", "open connections (1000)", 0},
    {"max-connections-per-address", CLI_VALUE, "N", "of one client address; 0: no bound (64)", 0},
    {"max-queue", CLI_VALUE, "N", "jobs under way before requests are refused (256)", 0},
    {"label-cache-bytes", CLI_VALUE, "N", "memory for label vectors (268435456)", 0},
    {"drain-s", CLI_VALUE, "N", "seconds to finish accepted work on SIGTERM (60)", 0},
    {"log-level", CLI_VALUE, "NAME", "error, warn, info or debug (info)", 0},
    {"print-routes", CLI_BOOLEAN, "", "print the table of routes and exit", 0},
};

static void options(struct cli_option_list *list)
{
    cli_session_options(list);
    cli_option_list_add(list, own_options, sizeof own_options / sizeof own_options[0]);
}

static enum m2c_status read_model(const struct cli_arguments *arguments, struct srv_config *config,
                                  struct m2c_error *err)
{
    const char *precision = cli_value(arguments, "precision");
    const char *backend = cli_value(arguments, "backend");
    const char *level = cli_value(arguments, "cpu-level");
    enum m2c_status status = M2C_OK;
    config->model.dir = cli_value(arguments, "model");
    config->model.default_set = cli_value(arguments, "adapter");
    if (!config->model.dir)
        return m2c_fail_field(err, M2C_USAGE, "model", "--model DIR is needed");
    if (precision)
        status = m2c_precision_parse(precision, &config->model.precision, err);
    if (status == M2C_OK && backend)
        status = m2c_backend_parse(backend, &config->model.backend, err);
    if (status == M2C_OK && level)
        status = m2c_cpu_cap_level(level, err);
    return status;
}

/* One integer option with its bounds, kept where it was when it is not given. */
struct number {
    const char *name;
    int64_t min, max, value;
};

enum number_index {
    THREADS,
    DECODERS,
    BODY_BYTES,
    LABELS,
    TIMEOUT_MS,
    CONNECTIONS,
    PER_ADDRESS,
    QUEUE,
    CACHE_BYTES,
    DRAIN_S,
    NUMBER_COUNT
};

static enum m2c_status read_numbers(const struct cli_arguments *arguments,
                                    struct srv_config *config, struct m2c_error *err)
{
    struct number numbers[NUMBER_COUNT] = {
        [THREADS] = {"threads", 1, MAX_THREADS, m2c_cpu_count()},
        [DECODERS] = {"decoders", 1, MAX_DECODERS, config->decoders},
        [BODY_BYTES] = {"max-body-bytes", 1, INT64_C(1) << 40, (int64_t)config->max_body_bytes},
        [LABELS] = {"max-labels", 1, MAX_LABELS, config->limits.max_labels},
        [TIMEOUT_MS] = {"max-timeout-ms", 1, MAX_TIMEOUT_MS, config->limits.max_timeout_ms},
        [CONNECTIONS] = {"max-connections", 1, MAX_CONNECTIONS, config->max_connections},
        [PER_ADDRESS] = {"max-connections-per-address", 0, MAX_CONNECTIONS,
                         config->max_connections_per_address},
        [QUEUE] = {"max-queue", 1, MAX_QUEUE, (int64_t)config->max_queue},
        [CACHE_BYTES] = {"label-cache-bytes", 0, INT64_C(1) << 40,
                         (int64_t)config->label_cache_bytes},
        [DRAIN_S] = {"drain-s", 0, MAX_DRAIN_S, config->drain_s},
    };
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        struct number *number = &numbers[i];
        enum m2c_status status = cli_integer(arguments, number->name, number->min, number->max,
                                             number->value, &number->value, err);
        if (status != M2C_OK)
            return status;
    }
    config->threads = (int)numbers[THREADS].value;
    config->decoders = (int)numbers[DECODERS].value;
    config->max_body_bytes = (uint64_t)numbers[BODY_BYTES].value;
    config->limits.max_labels = (int)numbers[LABELS].value;
    config->limits.max_timeout_ms = (int)numbers[TIMEOUT_MS].value;
    config->max_connections = (unsigned)numbers[CONNECTIONS].value;
    config->max_connections_per_address = (unsigned)numbers[PER_ADDRESS].value;
    config->max_queue = (size_t)numbers[QUEUE].value;
    config->label_cache_bytes = (size_t)numbers[CACHE_BYTES].value;
    config->drain_s = (int)numbers[DRAIN_S].value;
    if (config->limits.default_timeout_ms > config->limits.max_timeout_ms)
        config->limits.default_timeout_ms = config->limits.max_timeout_ms;
    return M2C_OK;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct srv_config config = srv_config_default();
    const char *listen = cli_value(arguments, "listen");
    const char *log_level = cli_value(arguments, "log-level");
    if (cli_input_count(arguments) > 0)
        return m2c_fail(err, M2C_USAGE, "serve takes no input");
    if (cli_boolean(arguments, "print-routes", false)) {
        srv_server_print_routes(stdout);
        return M2C_OK;
    }
    enum m2c_status status = read_model(arguments, &config, err);
    if (status == M2C_OK)
        status = read_numbers(arguments, &config, err);
    if (status == M2C_OK && log_level)
        status = srv_log_level_parse(log_level, &config.log_level, err);
    if (status != M2C_OK)
        return status;
    config.listen = listen ? listen : config.listen;
    config.probe_listen = cli_value(arguments, "probe-listen");
    return srv_server_run(&config, err);
}

const struct cli_command cli_command_serve = {
    .name = "serve",
    .usage = "--model DIR [options]",
    .summary = "serve the model over HTTP",
    .options = options,
    .run = run,
};
