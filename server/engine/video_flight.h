/* A question about a video: answered from what is kept, by a run under way for the same content,
 * sampling and set, or by a run of its own.
 *
 * A run belongs to all who wait for it. It goes on as long as one of them is there, whoever asked
 * first, and is cancelled when the last one leaves. Loop thread.
 */
#ifndef SRV_ENGINE_VIDEO_FLIGHT_H
#define SRV_ENGINE_VIDEO_FLIGHT_H

#include "server/engine/video_cache.h"
#include "server/engine/video_job.h"

/* A place in it: one who asks. */
struct srv_video_seat;

struct srv_video_ask {
    struct srv_video_request run; /* the run, should one be needed: its `done` and `argument` are
                                     set here; no video: only what is kept or under way will do */
    const char *scope, *content;  /* as in srv_video_key; borrowed for the call */
    bool alone;                   /* neither look at what is kept, nor keep, nor share */

    /* As in video_job.h, except that success may come from within take. */
    void (*done)(struct srv_video_seat *seat, const struct m2c_error *err, void *argument);
    void *argument;
};

/* New seat, held by the caller; takes the video in any case. M2C_VIDEO_NOT_KEPT, field `video_id`,
 * where there is no video and none is known. */
M2C_MUST_USE enum m2c_status srv_video_seat_take(struct srv_engine *engine,
                                                 const struct srv_video_ask *ask,
                                                 struct srv_video_seat **out,
                                                 struct m2c_error *err);

/* Gives it back; before the end this leaves the run. Accepts NULL, nulls the pointer. */
void srv_video_seat_release(struct srv_video_seat **seat);

/* Of an answered seat, borrowed while it is held. */
const struct srv_video_result *srv_video_seat_result(const struct srv_video_seat *seat);

/* The same with its key, to be held beyond the seat. */
struct srv_kept_video *srv_video_seat_video(const struct srv_video_seat *seat);

/* Whether the answer cost this seat no run: it was kept, or another's run gave it. */
bool srv_video_seat_spared(const struct srv_video_seat *seat);

/* Times so far; of a run that another asked for only the waiting counts. */
struct srv_video_times srv_video_seat_times(const struct srv_video_seat *seat);

/* What is kept of a content; forgetting also keeps runs under way from being kept. Both return how
 * many results they met. */
size_t srv_engine_visit_video(const struct srv_engine *engine, const char *scope,
                              const char *content,
                              void (*visit)(const struct srv_kept_video *video, void *argument),
                              void *argument);
size_t srv_engine_forget_video(struct srv_engine *engine, const char *scope, const char *content);

#endif
