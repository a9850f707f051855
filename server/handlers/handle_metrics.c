/* GET /metrics: what observe has counted, what the engine and the process look like now. */
#include "server/engine/stats.h"
#include "server/handlers/handlers.h"
#include "server/http/http_server.h"
#include "server/http/request.h"
#include "server/http/storage.h"
#include "server/observe/metrics.h"
#include "server/observe/process_facts.h"

static const struct srv_histogram_bounds batch_bounds = {SRV_BATCH_BOUNDS,
                                                         {1, 2, 4, 8, 16, 32, 64}};

static void gauge(struct srv_exposition *exposition, const char *name, const char *help,
                  double value)
{
    srv_exposition_single(exposition, name, SRV_METRIC_GAUGE, help, value);
}

static void counter(struct srv_exposition *exposition, const char *name, const char *help,
                    double value)
{
    srv_exposition_single(exposition, name, SRV_METRIC_COUNTER, help, value);
}

static void pair(struct srv_exposition *exposition, const char *label, const char *const names[2],
                 const double values[2])
{
    for (int i = 0; i < 2; i++)
        srv_exposition_sample(exposition, &(struct srv_metric_label){label, names[i]}, 1,
                              values[i]);
}

static void write_queue(const struct srv_engine_stats *stats, struct srv_exposition *exposition)
{
    static const char *const lanes[] = {"short", "long"};
    gauge(exposition, "m2clip_jobs", "Jobs that have not ended.", (double)stats->jobs);
    gauge(exposition, "m2clip_admitted_seconds", "Work under way, in time of this machine.",
          stats->admitted_ms / 1000.0);
    gauge(exposition, "m2clip_admitted_max_seconds", "Work up to which requests are admitted.",
          stats->max_ms / 1000.0);
    srv_exposition_family(exposition, "m2clip_queue_length", SRV_METRIC_GAUGE,
                          "Pieces of work that wait for a team.");
    pair(exposition, "lane", lanes,
         (const double[]){(double)stats->short_lane.waiting, (double)stats->long_lane.waiting});
    srv_exposition_family(exposition, "m2clip_queue_flop", SRV_METRIC_GAUGE, "Their cost.");
    pair(exposition, "lane", lanes,
         (const double[]){stats->short_lane.cost, stats->long_lane.cost});
    gauge(exposition, "m2clip_decoded_bytes", "Memory of decoded frames.",
          (double)stats->decoded_bytes);
    srv_exposition_family(exposition, "m2clip_decodes", SRV_METRIC_GAUGE,
                          "Videos at the decoders.");
    pair(exposition, "state", (const char *const[]){"running", "waiting"},
         (const double[]){(double)stats->decoding, (double)stats->waiting_decodes});
}

static void write_batches(const struct srv_engine_stats *stats, struct srv_exposition *exposition)
{
    const struct srv_batch_stats *batches = &stats->batches;
    struct srv_histogram_counts counts = {.sum = (double)batches->clips};
    for (int i = 0; i <= SRV_BATCH_BOUNDS; i++)
        counts.buckets[i] = batches->by_clips[i];
    srv_exposition_family(exposition, "m2clip_batch_clips", SRV_METRIC_HISTOGRAM,
                          "Clips that were encoded together.");
    srv_exposition_histogram(exposition, &batch_bounds, &counts);
    counter(exposition, "m2clip_text_batches_total", "Passes of the text encoder.",
            (double)batches->text_batches);
    counter(exposition, "m2clip_texts_total", "Texts encoded.", (double)batches->texts);
}

static void write_work(const struct srv_engine_stats *stats, struct srv_exposition *exposition)
{
    counter(exposition, "m2clip_encode_flop_total", "Floating-point work that clips needed.",
            stats->encode_flop);
    counter(exposition, "m2clip_encode_seconds_total", "Time of the teams at clips.",
            stats->encode_s);
    counter(exposition, "m2clip_text_seconds_total", "Time of the teams at texts.", stats->text_s);
    srv_exposition_family(exposition, "m2clip_work_dropped_total", SRV_METRIC_COUNTER,
                          "Pieces of work that were not computed, or in vain.");
    pair(exposition, "reason", (const char *const[]){"expired", "cancelled"},
         (const double[]){(double)stats->expired, (double)stats->cancelled});
    counter(exposition, "m2clip_decode_seconds_total", "Time of the decoders at work.",
            stats->decode_s);
    gauge(exposition, "m2clip_encode_flop_per_second", "Achieved by a team since the start.",
          stats->encode_s > 0.0 ? stats->encode_flop / stats->encode_s : 0.0);
    gauge(exposition, "m2clip_teams", "Teams that encode.", stats->teams);
    gauge(exposition, "m2clip_team_threads", "Threads of a team.", stats->team_size);
    gauge(exposition, "m2clip_decoders", "Videos that can be decoded at once.", stats->decoders);
}

/* One family for both caches: `labels` and `videos`. */
#define CACHE_FAMILY(name, type, help, member)                                                     \
    do {                                                                                           \
        srv_exposition_family(exposition, name, type, help);                                       \
        pair(exposition, "cache", caches,                                                          \
             (const double[]){(double)stats->labels.member, (double)stats->videos.member});        \
    } while (0)

static void write_caches(const struct srv_engine_stats *stats, struct srv_exposition *exposition)
{
    static const char *const caches[] = {"labels", "videos"};
    CACHE_FAMILY("m2clip_cache_hits_total", SRV_METRIC_COUNTER, "Looked up and found.", hits);
    CACHE_FAMILY("m2clip_cache_misses_total", SRV_METRIC_COUNTER, "Looked up and computed.",
                 misses);
    CACHE_FAMILY("m2clip_cache_joins_total", SRV_METRIC_COUNTER,
                 "Looked up while another was computing the same.", joins);
    CACHE_FAMILY("m2clip_cache_evictions_total", SRV_METRIC_COUNTER, "Dropped to make room.",
                 evictions);
    CACHE_FAMILY("m2clip_cache_entries", SRV_METRIC_GAUGE, "Kept.", entries);
    CACHE_FAMILY("m2clip_cache_bytes", SRV_METRIC_GAUGE, "Memory of what is kept.", bytes);
    CACHE_FAMILY("m2clip_cache_max_bytes", SRV_METRIC_GAUGE, "Memory that it may take.", max_bytes);
}

static void write_models(const struct srv_engine *engine, const struct srv_engine_stats *stats,
                         struct srv_exposition *exposition)
{
    const struct srv_served *served = srv_engine_served(engine);
    srv_exposition_family(exposition, "m2clip_model_reloads_total", SRV_METRIC_COUNTER,
                          "Reloads of the model folder.");
    pair(exposition, "result", (const char *const[]){"ok", "failed"},
         (const double[]){(double)stats->reloads, (double)stats->failed_reloads});
    srv_exposition_family(exposition, "m2clip_model_info", SRV_METRIC_GAUGE,
                          "1 for every set that is served.");
    if (!served)
        return;
    const struct m2c_model *model = srv_served_model(served);
    for (size_t i = 0; i < m2c_model_set_count(model); i++) {
        const struct m2c_set_info *info = m2c_set_info(m2c_model_set(model, i));
        const struct srv_metric_label labels[] = {
            {"set", info->name},
            {"version", info->version},
            {"precision", m2c_precision_name(m2c_model_precision(model))},
        };
        srv_exposition_sample(exposition, labels, 3, 1.0);
    }
}

static void write_http(const struct srv_handlers *handlers, struct srv_exposition *exposition)
{
    static const char *const listeners[] = {"main", "probe"};
    const struct srv_http *https[] = {handlers->http, handlers->probe};
    struct srv_http_counts counts[2] = {0};
    struct srv_storage_facts bodies = srv_storage_facts(handlers->storage);
    for (int i = 0; i < 2; i++)
        if (https[i])
            counts[i] = srv_http_counts(https[i]);
    srv_exposition_family(exposition, "m2clip_connections", SRV_METRIC_GAUGE, "Open connections.");
    pair(exposition, "listener", listeners,
         (const double[]){(double)counts[0].connections, (double)counts[1].connections});
    gauge(exposition, "m2clip_streams", "Replies that go out piece by piece.",
          (double)(counts[0].streams + counts[1].streams));
    gauge(exposition, "m2clip_body_memory_bytes", "Memory that request bodies have taken.",
          (double)bodies.memory_bytes);
    gauge(exposition, "m2clip_body_memory_max_bytes", "Memory that they may take.",
          (double)bodies.memory_limit_bytes);
    gauge(exposition, "m2clip_body_spool_bytes", "Disk that request bodies have taken.",
          (double)bodies.spool_bytes);
    gauge(exposition, "m2clip_body_spool_max_bytes", "Disk that they may take.",
          (double)bodies.spool_limit_bytes);
}

static void write_process(const struct srv_handlers *handlers, struct srv_exposition *exposition)
{
    struct srv_process_facts facts = srv_process_facts_read();
    gauge(exposition, "m2clip_resident_bytes", "Memory of this process.", facts.resident_bytes);
    gauge(exposition, "m2clip_threads", "Threads of this process.", facts.threads);
    gauge(exposition, "m2clip_open_fds", "Open descriptors.", facts.open_fds);
    gauge(exposition, "m2clip_max_fds", "Descriptors that it may open.", facts.max_fds);
    counter(exposition, "m2clip_cpu_seconds_total", "Processor time of this process.", facts.cpu_s);
    gauge(exposition, "m2clip_start_time_seconds", "When it started, since the epoch.",
          facts.start_s);
    counter(exposition, "m2clip_log_lines_dropped_total",
            "Log lines that were lost to a slow or absent reader.",
            (double)srv_log_dropped(handlers->log));
    gauge(exposition, "m2clip_draining", "1 once accepted work is being finished.",
          handlers->draining ? 1.0 : 0.0);
}

void srv_handle_metrics(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    struct srv_exposition exposition;
    struct srv_engine_stats stats;
    struct m2c_error err;
    struct srv_response response = srv_response_new(200, SRV_EXPOSITION_CONTENT_TYPE);
    srv_engine_stats(handlers->engine, &stats);
    srv_exposition_open(&exposition);
    srv_metrics_write(handlers->metrics, &exposition);
    write_queue(&stats, &exposition);
    write_batches(&stats, &exposition);
    write_work(&stats, &exposition);
    write_caches(&stats, &exposition);
    write_models(handlers->engine, &stats, &exposition);
    write_http(handlers, &exposition);
    write_process(handlers, &exposition);
    if (srv_exposition_take(&exposition, &response.bytes, &response.size, &err) != M2C_OK)
        srv_request_fail(request, &err, -1);
    else
        srv_request_respond(request, &response);
}
