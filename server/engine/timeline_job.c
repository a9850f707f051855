#include "server/engine/timeline_job.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"
#include "server/engine/film_decoder.h"

/* One window between the decoder and the receiver. */
struct slot {
    struct slot *next;
    struct srv_timeline_job *job;
    struct srv_film_window *decoded;
    struct m2c_video_embedding embedding;
    struct srv_work work;
    bool running; /* the scheduler has it */
};

struct srv_timeline_job {
    struct srv_engine *engine;
    struct srv_timeline_request request;
    bool held;       /* by the caller */
    bool holding;    /* the receiver wants nothing now */
    bool delivering; /* a callback is under way */
    bool decoded;    /* the film has ended */
    bool failed;     /* why is in err */
    bool ended;      /* done was called, or would have been */
    struct srv_film film;
    struct slot *first, **last; /* in the order of the windows */
    struct m2c_error err;
    struct srv_video_times times;
};

static void slot_free(struct slot *slot)
{
    srv_film_window_return(slot->job->engine->films, slot->decoded);
    m2c_video_embedding_destroy(&slot->embedding);
    free(slot);
}

static void job_free(struct srv_timeline_job *job)
{
    srv_served_unref(job->request.served, job->engine->loop);
    free(job);
}

static void release_video(struct srv_timeline_job *job)
{
    struct srv_blob *video = &job->request.video;
    if (video->release)
        video->release(video->owner);
    memset(video, 0, sizeof *video);
}

static struct slot *take_first(struct srv_timeline_job *job)
{
    struct slot *slot = job->first;
    job->first = slot->next;
    if (!job->first)
        job->last = &job->first;
    return slot;
}

/* Frees what no thread has any more from the front on. */
static void drop_slots(struct srv_timeline_job *job)
{
    while (job->first && !job->first->running)
        slot_free(take_first(job));
}

/* Nobody wants the rest: threads let go of it as soon as they can. */
static void stop(struct srv_timeline_job *job)
{
    if (!job->decoded)
        srv_film_cancel(job->engine->films, &job->film);
    for (struct slot *slot = job->first; slot; slot = slot->next)
        if (slot->running)
            srv_scheduler_cancel(job->engine->scheduler, &slot->work);
    drop_slots(job);
}

static void fail(struct srv_timeline_job *job, const struct m2c_error *err)
{
    if (job->failed)
        return;
    job->failed = true;
    job->err = *err;
    stop(job);
}

/* Once no thread is at it and everything was handed on. */
static void end_when_over(struct srv_timeline_job *job)
{
    if (!job->decoded || job->first || job->delivering || job->ended)
        return;
    if (job->held && job->holding)
        return;
    job->ended = true;
    job->engine->jobs--;
    if (!job->held) {
        job_free(job);
        return;
    }
    struct m2c_error err = job->err;
    job->request.done(job, &err, job->request.argument);
}

/* Hands on the windows in front that are encoded. */
static void deliver(struct srv_timeline_job *job)
{
    job->delivering = true;
    while (job->held && !job->holding && !job->failed && job->first && !job->first->running) {
        struct slot *slot = take_first(job);
        const struct srv_timeline_view view = {.window = &slot->decoded->window,
                                               .clip = &slot->decoded->frames,
                                               .embedding = &slot->embedding};
        job->request.on_window(job, &view, job->request.argument);
        slot_free(slot);
    }
    if (!job->held || job->failed)
        drop_slots(job);
    job->delivering = false;
    end_when_over(job);
}

static void on_encoded(struct srv_work *work)
{
    struct slot *slot = SRV_CONTAINER(work, struct slot, work);
    struct srv_timeline_job *job = slot->job;
    slot->running = false;
    job->times.encode_ms += work->share_ms;
    if (work->err.status != M2C_OK)
        fail(job, &work->err);
    if (!job->delivering)
        deliver(job);
}

static enum m2c_status encode(struct srv_timeline_job *job, struct slot *slot,
                              struct m2c_error *err)
{
    const struct m2c_clip_frames *frames = &slot->decoded->frames;
    enum m2c_status status = m2c_video_embedding_init(
        &slot->embedding, job->request.set, frames->temporal_views * frames->spatial_views,
        frames->frames_per_view, err);
    if (status != M2C_OK)
        return status;
    slot->work = (struct srv_work){.kind = SRV_WORK_VIEWS,
                                   .lane = SRV_LANE_LONG,
                                   .served = job->request.served,
                                   .set = job->request.set,
                                   .done = on_encoded,
                                   .frames = frames,
                                   .embedding = &slot->embedding};
    slot->running = true;
    srv_scheduler_submit(job->engine->scheduler, &slot->work);
    return M2C_OK;
}

static void on_window(struct srv_film *film, struct srv_film_window *decoded)
{
    struct srv_timeline_job *job = SRV_CONTAINER(film, struct srv_timeline_job, film);
    struct m2c_error err = {.status = M2C_OK};
    struct slot *slot = job->held && !job->failed ? calloc(1, sizeof *slot) : NULL;
    if (!slot) {
        if (job->held && !job->failed) {
            (void)m2c_fail_memory(&err, "a window", sizeof *slot);
            fail(job, &err);
        }
        srv_film_window_return(job->engine->films, decoded);
        return;
    }
    slot->job = job;
    slot->decoded = decoded;
    *job->last = slot;
    job->last = &slot->next;
    if (encode(job, slot, &err) != M2C_OK)
        fail(job, &err);
}

static void on_decoded(struct srv_film *film, const struct m2c_error *err)
{
    struct srv_timeline_job *job = SRV_CONTAINER(film, struct srv_timeline_job, film);
    job->decoded = true;
    job->times.decode_ms = film->decode_ms;
    job->times.queue_ms = film->wait_ms;
    release_video(job);
    if (!job->failed)
        job->err = *err; /* told behind the windows that came before it */
    end_when_over(job);
}

enum m2c_status srv_timeline_job_start(struct srv_engine *engine,
                                       const struct srv_timeline_request *request,
                                       struct srv_timeline_job **out, struct m2c_error *err)
{
    enum { MAX_OPEN_BYTES = 256 << 20 }; /* of the windows that a decoder is in */
    struct srv_timeline_job *job = calloc(1, sizeof *job);
    *out = job;
    if (!job) {
        if (request->video.release)
            request->video.release(request->video.owner);
        return m2c_fail_memory(err, "a job", sizeof *job);
    }
    job->engine = engine;
    job->request = *request;
    job->last = &job->first;
    job->held = true;
    (void)srv_served_ref(request->served);
    engine->jobs++;
    job->film = (struct srv_film){.bytes = request->video.bytes,
                                  .size = request->video.size,
                                  .window_s = request->window_s,
                                  .hop_s = request->hop_s,
                                  .max_windows = SRV_TIMELINE_WINDOWS,
                                  .deadline_ms = request->deadline_ms,
                                  .on_window = on_window,
                                  .done = on_decoded};
    m2c_pipeline_plan(srv_served_model(request->served), request->set, &request->sampling,
                      &job->film.plan);
    job->film.plan.limits = engine->options.decode_limits;
    if (job->film.plan.limits.max_output_bytes > MAX_OPEN_BYTES)
        job->film.plan.limits.max_output_bytes = MAX_OPEN_BYTES;
    srv_film_submit(engine->films, &job->film);
    return M2C_OK;
}

void srv_timeline_job_release(struct srv_timeline_job **job_pointer)
{
    struct srv_timeline_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    if (job->ended) {
        job_free(job);
        return;
    }
    stop(job);
    end_when_over(job);
}

void srv_timeline_job_hold(struct srv_timeline_job *job, bool holding)
{
    job->holding = holding;
    if (!holding && !job->delivering)
        deliver(job);
}

struct srv_video_times srv_timeline_job_times(const struct srv_timeline_job *job)
{
    return job->times;
}
