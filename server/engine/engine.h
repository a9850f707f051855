/* The engine: a model, the threads that decode and compute, what is remembered, and the work under
 * way. It knows no HTTP. Everything here belongs to the loop thread.
 *
 * Life: start (the model loads on a thread of its own), ready or failed, any number of reloads,
 * stop.
 */
#ifndef SRV_ENGINE_ENGINE_H
#define SRV_ENGINE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

#include "m2clip.h"
#include "server/engine/admission.h"
#include "server/engine/decoder_pool.h"
#include "server/engine/label_cache.h"
#include "server/engine/scheduler.h"
#include "server/engine/served.h"
#include "server/engine/video_cache.h"
#include "status.h"
#include "video/video.h"

struct srv_engine;

struct srv_engine_options {
    struct m2c_model_options model; /* borrowed strings must outlive the engine */
    struct srv_scheduler_options scheduler;
    struct srv_decoder_options decoder;
    double max_queue_ms; /* of work under way, and of requests */
    size_t max_queue;
    size_t label_cache_bytes, video_cache_bytes;
    const char *cache_dir; /* keeps label vectors over restarts; NULL: nothing does */
    struct m2c_decode_limits decode_limits; /* of every video */

    /* What loads a model; NULL: m2c_model_load. Called on the loader's thread. */
    enum m2c_status (*load)(const struct m2c_model_options *options, struct m2c_model **out,
                            struct m2c_error *err);

    /* One of them is called once, unless the engine is stopped before. */
    void (*on_ready)(void *context);
    void (*on_failed)(const struct m2c_error *err, void *context);

    /* What went wrong without anybody asking for it, as a file of the cache folder; may be NULL. */
    void (*on_trouble)(const struct m2c_error *err, void *context);
    void *context;
};

/* New engine; srv_engine_stop ends it. Returns before the model is there. */
M2C_MUST_USE enum m2c_status srv_engine_start(uv_loop_t *loop,
                                              const struct srv_engine_options *options,
                                              struct srv_engine **out, struct m2c_error *err);

uv_loop_t *srv_engine_loop(const struct srv_engine *engine);

/* The model that new work is answered by, borrowed: who keeps it takes a hold. NULL until the
 * engine is ready. */
struct srv_served *srv_engine_served(const struct srv_engine *engine);

/* A wish to load the model folder anew, embedded in what wishes. */
struct srv_reload {
    struct srv_reload *next; /* the engine's own */
    /* The outcome, err->status, from the loop; from within srv_engine_reload only where no thread
     * can be started. */
    void (*done)(struct srv_reload *reload, const struct m2c_error *err);
};

/* Loads the folder beside the present model and puts it in its place; a folder that does not load
 * changes nothing. Wishes that come while a load runs share the next one, since that one may have
 * read the files before they changed. The engine must be ready. */
void srv_engine_reload(struct srv_engine *engine, struct srv_reload *reload);

/* Nobody waits for its outcome any more; the load goes on. */
void srv_engine_forget_reload(struct srv_engine *engine, struct srv_reload *reload);

struct srv_reload_counts {
    uint64_t succeeded, failed;
};

struct srv_reload_counts srv_engine_reload_counts(const struct srv_engine *engine);

/* Jobs that have not ended. */
size_t srv_engine_jobs(const struct srv_engine *engine);

/* The books of work under way, lent. */
struct srv_admission *srv_engine_admission(struct srv_engine *engine);

struct srv_label_cache_counts srv_engine_label_counts(const struct srv_engine *engine);
struct srv_video_cache_counts srv_engine_video_counts(const struct srv_engine *engine);

/* Ends the threads and frees everything; every job must have been released (its threads' part may
 * still run: it is waited for). `on_closed` is called from the loop once all handles are closed. */
void srv_engine_stop(struct srv_engine *engine, void (*on_closed)(void *argument), void *argument);

#endif
