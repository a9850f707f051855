/* What is kept of videos: what a pass of the model has left of one content under one sampling, so
 * that the next question about it costs neither decoding nor encoding.
 *
 * Bounded in bytes, least recently used first out; counted by holders, immutable. Loop thread
 * alone.
 */
#ifndef SRV_ENGINE_VIDEO_CACHE_H
#define SRV_ENGINE_VIDEO_CACHE_H

#include <stdint.h>
#include <time.h>

#include "model/digest.h"
#include "pipeline.h"
#include "server/engine/vector_version.h"

struct srv_video_cache;

/* Of one video, one sampling, one set. */
struct srv_video_result {
    struct m2c_video_embedding embedding;
    struct m2c_video_facts facts;
    int temporal_views, frames_per_view, spatial_views;
    int64_t *frame_indices; /* [A, T] */
    double *frame_times_s;  /* [A, T] */
    unsigned warnings;      /* m2c_clip_warning bits */
};

/* Frees the arrays; safe on a zeroed one. */
void srv_video_result_destroy(struct srv_video_result *result);

/* What a result is kept under. */
struct srv_video_key {
    const char *scope;                      /* whose it is: a client's name, or "" for all */
    const char *content;                    /* hash of the bytes */
    char version[SRV_VECTOR_VERSION_BYTES]; /* srv_vector_version */
    struct m2c_sampling sampling;
};

/* A result with what tells it from others. */
struct srv_kept_video {
    unsigned holders;
    struct srv_video_result result;
    char model[64], model_version[16]; /* the set that was asked */
    struct m2c_sampling sampling;
    time_t kept_at;
    size_t bytes;
};

/* New, held once; takes the result's arrays in any case. NULL without memory. */
struct srv_kept_video *srv_kept_video_new(struct srv_video_result *result,
                                          const struct m2c_set *set,
                                          const struct m2c_sampling *sampling);
struct srv_kept_video *srv_kept_video_ref(struct srv_kept_video *video);
void srv_kept_video_unref(struct srv_kept_video *video); /* accepts NULL */

M2C_MUST_USE enum m2c_status srv_video_cache_new(size_t max_bytes, struct srv_video_cache **out,
                                                 struct m2c_error *err);
void srv_video_cache_free(struct srv_video_cache **cache); /* accepts NULL, nulls */

/* What is kept under a key, held for the caller, or NULL. */
struct srv_kept_video *srv_video_cache_find(struct srv_video_cache *cache,
                                            const struct srv_video_key *key);

/* Keeps it where there is room; what is there already stays. */
void srv_video_cache_put(struct srv_video_cache *cache, const struct srv_video_key *key,
                         struct srv_kept_video *video);

/* Calls `visit` for all that is kept of a content in a scope, and returns how many; `visit` must
 * not touch the cache. */
size_t srv_video_cache_visit(const struct srv_video_cache *cache, const char *scope,
                             const char *content,
                             void (*visit)(const struct srv_kept_video *video, void *argument),
                             void *argument);

/* Forgets it all; returns how many. */
size_t srv_video_cache_forget(struct srv_video_cache *cache, const char *scope,
                              const char *content);

/* Another's run gives what was missing here. */
void srv_video_cache_note_join(struct srv_video_cache *cache);

struct srv_video_cache_counts {
    uint64_t hits, misses, joins, evictions;
    size_t entries, bytes;
};

struct srv_video_cache_counts srv_video_cache_counts(const struct srv_video_cache *cache);

/* The key in one piece, the scope and the content at its front; new, NULL without memory. What two
 * keys share byte for byte is the same. */
struct srv_flat_key {
    char *bytes;
    size_t size, group_size; /* of scope and content */
};

struct srv_flat_key srv_video_key_flatten(const struct srv_video_key *key);

#endif
