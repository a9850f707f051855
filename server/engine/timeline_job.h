/* One long video on its way: windows are decoded, encoded as long work, and handed on in order.
 *
 * Started and released on the loop thread. `on_window` and `done` come from the loop, never from
 * within start; after a `done` nothing comes any more, and releasing an unfinished job is
 * cancelling it. At most SRV_TIMELINE_WINDOWS windows lie between the decoder and the receiver, so
 * memory does not depend on the video's length, and a receiver that holds on holds the decoder up.
 */
#ifndef SRV_ENGINE_TIMELINE_JOB_H
#define SRV_ENGINE_TIMELINE_JOB_H

#include "pipeline.h"
#include "server/engine/engine.h"
#include "server/engine/video_job.h"
#include "video/windows.h"

enum { SRV_TIMELINE_WINDOWS = 4 };

struct srv_timeline_job;

/* What the receiver sees of a window; borrowed for the call. */
struct srv_timeline_view {
    const struct m2c_window *window;
    const struct m2c_clip_frames *clip; /* facts, counts and warnings */
    const struct m2c_video_embedding *embedding;
};

struct srv_timeline_request {
    struct srv_served *served;    /* the job takes a hold of its own */
    const struct m2c_set *set;    /* of that model */
    struct m2c_sampling sampling; /* of every window; start_s and end_s bound the whole */
    double window_s, hop_s;
    double deadline_ms;    /* m2c_clock_ms: not begun after it; 0: none */
    struct srv_blob video; /* taken, also on failure */
    void (*on_window)(struct srv_timeline_job *job, const struct srv_timeline_view *view,
                      void *argument);
    void (*done)(struct srv_timeline_job *job, const struct m2c_error *err, void *argument);
    void *argument;
};

/* New job, held by the caller. The engine must be ready. */
M2C_MUST_USE enum m2c_status srv_timeline_job_start(struct srv_engine *engine,
                                                    const struct srv_timeline_request *request,
                                                    struct srv_timeline_job **out,
                                                    struct m2c_error *err);

/* Gives the hold back; before the end this cancels. May be called from within the callbacks.
 * Accepts NULL, nulls the pointer. */
void srv_timeline_job_release(struct srv_timeline_job **job);

/* Holds windows (and `done`) back, or lets them come again, at once if there are any. */
void srv_timeline_job_hold(struct srv_timeline_job *job, bool holding);

/* Times so far. */
struct srv_video_times srv_timeline_job_times(const struct srv_timeline_job *job);

#endif
