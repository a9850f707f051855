#include "server/engine/stats.h"

#include "server/engine/engine_internal.h"

void srv_engine_stats(const struct srv_engine *engine, struct srv_engine_stats *out)
{
    struct srv_label_cache_counts labels = srv_engine_label_counts(engine);
    struct srv_video_cache_counts videos = srv_engine_video_counts(engine);
    struct srv_reload_counts reloads = srv_engine_reload_counts(engine);
    *out = (struct srv_engine_stats){
        .jobs = srv_engine_jobs(engine),
        .admitted_ms = srv_admission_ms(&engine->admission),
        .max_ms = engine->admission.options.max_ms,
        .labels = {.hits = labels.hits,
                   .misses = labels.misses,
                   .joins = labels.joins,
                   .evictions = labels.evictions,
                   .entries = labels.entries,
                   .bytes = labels.bytes},
        .videos = {.hits = videos.hits,
                   .misses = videos.misses,
                   .joins = videos.joins,
                   .evictions = videos.evictions,
                   .entries = videos.entries,
                   .bytes = videos.bytes},
        .reloads = reloads.succeeded,
        .failed_reloads = reloads.failed,
    };
    srv_scheduler_stats(engine->scheduler, out);
    srv_decoder_stats(engine->decoders, out);
}
