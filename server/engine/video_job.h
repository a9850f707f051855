/* One video on its way: waiting, decoding, encoding, and its one end.
 *
 * Started and released on the loop thread. `done` is called once, from the loop and never from
 * within start, unless the job is released before: releasing an unfinished job is cancelling it.
 */
#ifndef SRV_ENGINE_VIDEO_JOB_H
#define SRV_ENGINE_VIDEO_JOB_H

#include "pipeline.h"
#include "server/engine/engine.h"
#include "server/engine/video_cache.h"

struct srv_video_job;

/* Bytes with their owner; `release(owner)` is called once on the loop thread, when no thread reads
 * them any more. */
struct srv_blob {
    const unsigned char *bytes;
    size_t size;
    void (*release)(void *owner);
    void *owner;
};

struct srv_video_request {
    struct srv_served *served; /* the job takes a hold of its own */
    const struct m2c_set *set; /* of that model */
    struct m2c_sampling sampling;
    struct srv_blob video; /* taken, also on failure */
    double deadline_ms;    /* m2c_clock_ms: neither decoded nor encoded after it; 0: none */
    /* err->status: the outcome. */
    void (*done)(struct srv_video_job *job, const struct m2c_error *err, void *argument);
    void *argument;
};

/* New job, held by the caller. The engine must be ready. */
M2C_MUST_USE enum m2c_status srv_video_job_start(struct srv_engine *engine,
                                                 const struct srv_video_request *request,
                                                 struct srv_video_job **out, struct m2c_error *err);

/* Gives the hold back; before the end this cancels. Accepts NULL, nulls the pointer. */
void srv_video_job_release(struct srv_video_job **job);

/* What a finished job found, moved out of it: the caller destroys it. */
struct srv_video_result srv_video_job_take_result(struct srv_video_job *job);

/* Times so far, also of a job that failed. */
struct srv_video_times {
    double queue_ms, decode_ms, encode_ms;
    size_t batch_clips; /* views in the fullest pass that one of its views was in */
};

struct srv_video_times srv_video_job_times(const struct srv_video_job *job);

#endif
