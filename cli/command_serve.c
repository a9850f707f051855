/* m2clip serve: the HTTP service. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/command.h"
#include "cli/session.h"
#include "runtime/cpu.h"
#include "server/server.h"

enum { MAX_THREADS = 1024, MAX_COUNT = 1000000, MAX_SECONDS = 604800, MAX_PIXELS = 1 << 28 };

#define MAX_BYTES (INT64_C(1) << 40)
#define MAX_JSON (INT64_C(1) << 30)

/* A number of the configuration, and the option that sets it. */
struct number {
    struct cli_option option;
    int64_t min, max;
    size_t offset;
};

#define NUMBER(flag, member, low, high, sentence)                                                  \
    {                                                                                              \
        .option = {flag, CLI_VALUE, "N", sentence, 0}, .min = (low), .max = (high),                \
        .offset = offsetof(struct srv_config, member)                                              \
    }

static const struct number numbers[] = {
    NUMBER("workers", workers, 1, MAX_THREADS,
           "teams that the threads form, each with cores of its own (1)"),
    NUMBER("max-batch-clips", max_batch_clips, 0, 64,
           "clips that are encoded together; 0: a quarter of a team's threads, 2 to 8 (0)"),
    NUMBER("max-wait-ms", max_wait_ms, 0, 10000, "that a free team waits for more clips (0)"),
    NUMBER("max-decoded-bytes", max_decoded_bytes, 1, MAX_BYTES,
           "memory for frames that wait to be encoded (536870912)"),
    NUMBER("compute-nice", compute_nice, 0, 19,
           "by which computing and decoding yield to the network (10)"),
    NUMBER("decoders", decoders, 1, MAX_THREADS, "threads that decode video (2)"),
    NUMBER("client-share", client_share, 1, 100,
           "percent of the work under way that one client may hold while others wait (50)"),
    NUMBER("drain-s", drain_s, 0, MAX_SECONDS, "seconds to finish accepted work on SIGTERM (60)"),
    NUMBER("max-connections", max_connections, 1, MAX_COUNT, "open connections (1000)"),
    NUMBER("max-connections-per-address", max_connections_per_address, 0, MAX_COUNT,
           "of one client address; 0: no bound (64)"),
    NUMBER("max-queue", max_queue, 1, MAX_COUNT,
           "requests under way before more are refused (256)"),
    NUMBER("max-queue-ms", max_queue_ms, 1, MAX_SECONDS *INT64_C(1000),
           "work under way, as estimated, before requests are refused (10000)"),
    NUMBER("label-cache-bytes", label_cache_bytes, 0, MAX_BYTES,
           "memory for label vectors (268435456)"),
    NUMBER("video-cache-bytes", video_cache_bytes, 0, MAX_BYTES,
           "memory for what is kept of videos (268435456)"),
    NUMBER("max-body-bytes", max_body_bytes, 1, MAX_BYTES, "largest request body (536870912)"),
    NUMBER("body-memory-bytes", body_memory_bytes, 1, MAX_BYTES,
           "memory for all request bodies together (268435456)"),
    NUMBER("spool-bytes", spool_bytes, 0, MAX_BYTES,
           "disk for all bodies over 4 MiB together (4294967296)"),
    NUMBER("max-json-bytes", max_json_bytes, 1, MAX_JSON,
           "JSON of a request beside its videos (1048576)"),
    NUMBER("max-json-video-bytes", max_json_video_bytes, 1, MAX_JSON,
           "JSON with its videos in base64 (33554432)"),
    NUMBER("max-label-set-bytes", max_label_set_bytes, 1, MAX_JSON,
           "JSON of one label set (16777216)"),
    NUMBER("max-labels", max_labels, 1, MAX_COUNT, "labels of one request (1000)"),
    NUMBER("max-timeout-ms", max_timeout_ms, 1, MAX_SECONDS *INT64_C(1000),
           "longest timeout_ms that may be asked for (300000)"),
    NUMBER("max-frame-pixels", max_frame_pixels, 1, MAX_PIXELS, "pixels of one frame (16777216)"),
    NUMBER("max-side-ratio", max_side_ratio, 1, 4, "long to short side of a frame (4)"),
    NUMBER("max-video-s", max_video_s, 1, MAX_SECONDS, "seconds of one video (21600)"),
    NUMBER("header-deadline-s", header_deadline_s, 1, MAX_SECONDS,
           "seconds for the headers of a request (10)"),
    NUMBER("body-deadline-s", body_deadline_s, 1, MAX_SECONDS, "seconds for a whole body (900)"),
    NUMBER("min-body-rate", min_body_rate, 0, MAX_JSON,
           "bytes a second after the first five seconds (32768)"),
    NUMBER("reply-deadline-s", reply_deadline_s, 1, MAX_SECONDS,
           "seconds to read a reply, beside its size at 32 KiB/s (10)"),
    NUMBER("keep-alive-s", keep_alive_s, 1, MAX_SECONDS,
           "seconds that a connection may idle (100)"),
};

static const struct cli_option own_options[] = {
    {"listen", CLI_VALUE, "HOST:PORT", "where to listen (127.0.0.1:8080); port 0 picks one", 0},
    {"probe-listen", CLI_VALUE, "HOST:PORT", "a second listener for health probes alone", 0},
    {"cache-dir", CLI_VALUE, "DIR", "keeps label vectors and label sets over restarts", 0},
    {"label-sets-dir", CLI_VALUE, "DIR", "label sets (NAME.json) that nobody changes", 0},
    {"api-key-file", CLI_VALUE, "FILE", "who may ask: lines NAME:infer|admin:KEY (anybody may)", 0},
    {"trusted-proxy", CLI_VALUE, "CIDR,..", "proxies whose X-Forwarded-For counts (none)", 0},
    {"rate-limit", CLI_VALUE, "N[/s|/m][:B]", "requests of one client, B at once (no limit)", 0},
    {"cors-origin", CLI_VALUE, "ORIGIN,..|*", "whose pages a browser lets read answers (none)", 0},
    {"allow-chunked", CLI_BOOLEAN, "", "accept bodies that do not state their length", 0},
    {"tls-cert", CLI_VALUE, "FILE", "certificate chain, PEM: speak TLS on --listen", 0},
    {"tls-key", CLI_VALUE, "FILE", "its key, PEM", 0},
    {"spool-dir", CLI_VALUE, "DIR", "where long bodies are stored ($TMPDIR, or /tmp)", 0},
    {"log-level", CLI_VALUE, "NAME", "error, warn, info or debug (info)", 0},
    {"print-routes", CLI_BOOLEAN, "", "print the table of routes and exit", 0},
};

static void options(struct cli_option_list *list)
{
    cli_session_options(list);
    cli_option_list_add(list, own_options, sizeof own_options / sizeof own_options[0]);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        cli_option_list_add(list, &numbers[i].option, 1);
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

static enum m2c_status read_numbers(const struct cli_arguments *arguments,
                                    struct srv_config *config, struct m2c_error *err)
{
    enum m2c_status status =
        cli_integer(arguments, "threads", 1, MAX_THREADS, m2c_cpu_count(), &config->threads, err);
    for (size_t i = 0; status == M2C_OK && i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t *value = (int64_t *)(void *)((char *)config + numbers[i].offset);
        status = cli_integer(arguments, numbers[i].option.name, numbers[i].min, numbers[i].max,
                             *value, value, err);
    }
    return status;
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
    config.spool_dir = cli_value(arguments, "spool-dir");
    config.allow_chunked = cli_boolean(arguments, "allow-chunked", false);
    config.tls_certificate = cli_value(arguments, "tls-cert");
    config.tls_key = cli_value(arguments, "tls-key");
    if (!config.tls_certificate != !config.tls_key)
        return m2c_fail(err, M2C_USAGE, "--tls-cert and --tls-key go together");
    config.cache_dir = cli_value(arguments, "cache-dir");
    config.label_sets_dir = cli_value(arguments, "label-sets-dir");
    config.api_key_file = cli_value(arguments, "api-key-file");
    config.trusted_proxies = cli_value(arguments, "trusted-proxy");
    config.rate_limit = cli_value(arguments, "rate-limit");
    config.cors_origins = cli_value(arguments, "cors-origin");
    return srv_server_run(&config, err);
}

const struct cli_command cli_command_serve = {
    .name = "serve",
    .usage = "--model DIR [options]",
    .summary = "serve the model over HTTP",
    .options = options,
    .run = run,
};
