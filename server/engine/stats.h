/* The engine in numbers, at one moment: what metrics show. Plain; copied on the loop thread. */
#ifndef SRV_ENGINE_STATS_H
#define SRV_ENGINE_STATS_H

#include <stddef.h>
#include <stdint.h>

struct srv_engine;

/* Batches by the clips (views) in them: up to 1, 2, 4, 8, 16, 32, 64, and more. */
enum { SRV_BATCH_BOUNDS = 7 };

struct srv_batch_stats {
    uint64_t by_clips[SRV_BATCH_BOUNDS + 1]; /* batches, each once */
    uint64_t clips;                          /* in all of them */
    uint64_t text_batches, texts;            /* passes of the text encoder, texts in them */
};

/* Work that waits, of one lane. */
struct srv_lane_stats {
    size_t waiting; /* pieces: views, or passes of texts */
    double cost;    /* of it, in FLOP */
};

struct srv_cache_stats {
    uint64_t hits, misses;
    uint64_t joins; /* misses that waited for what another was computing */
    uint64_t evictions;
    size_t entries, bytes, max_bytes;
};

/* Counts since the start; times are of threads at work, in seconds. */
struct srv_engine_stats {
    size_t jobs;                      /* that have not ended */
    double admitted_ms, max_ms;       /* of work under way, and the budget of it (0: none) */
    size_t decoding, waiting_decodes; /* videos */
    size_t decoded_bytes;             /* frames that were decoded and are held */
    struct srv_lane_stats short_lane, long_lane;
    struct srv_batch_stats batches;
    struct srv_cache_stats labels, videos;
    uint64_t expired, cancelled; /* pieces of work dropped: too late, or nobody waits for them */
    double encode_flop;          /* needed by the clips that were encoded */
    double encode_s, text_s;     /* of the teams: clips, texts */
    double decode_s;
    uint64_t reloads, failed_reloads;
    int teams, team_size; /* workers, and threads of each */
    int decoders;
};

/* Reads them. Loop thread. */
void srv_engine_stats(const struct srv_engine *engine, struct srv_engine_stats *out);

#endif
