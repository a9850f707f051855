#include "server/engine/video_job.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"

/* Decoded videos that may wait for the encoder, beside one being decoded a thread. */
enum { DECODED_AHEAD = 2 };

enum stage { STAGE_WAITING, STAGE_DECODING, STAGE_ENCODING, STAGE_ENDED };

struct srv_video_job {
    struct srv_engine *engine;
    struct srv_video_job *next; /* while waiting */
    enum stage stage;
    bool held; /* by the caller */
    atomic_bool cancelled;
    struct srv_video_request request;
    struct srv_decode decode;
    struct srv_work work;
    struct m2c_clip_frames frames;
    struct srv_video_result result;
    struct srv_video_times times;
    double submitted_ms;
};

static void job_free(struct srv_video_job *job)
{
    m2c_clip_frames_destroy(&job->frames);
    srv_video_result_destroy(&job->result);
    srv_served_unref(job->request.served, job->engine->loop);
    free(job);
}

static void release_video(struct srv_video_job *job)
{
    struct srv_blob *video = &job->request.video;
    if (video->release)
        video->release(video->owner);
    memset(video, 0, sizeof *video);
}

/* The threads are done with the job. */
static void end(struct srv_video_job *job, const struct m2c_error *err)
{
    release_video(job);
    m2c_clip_frames_destroy(&job->frames);
    job->stage = STAGE_ENDED;
    job->engine->jobs--;
    if (job->held)
        job->request.done(job, err, job->request.argument);
    else
        job_free(job);
}

static void leave_ahead(struct srv_engine *engine);

static void remember_time(struct srv_engine *engine, double job_ms)
{
    engine->job_ms = engine->job_ms > 0.0 ? engine->job_ms * 0.9 + job_ms * 0.1 : job_ms;
}

static void on_encoded(struct srv_work *work)
{
    struct srv_video_job *job = SRV_CONTAINER(work, struct srv_video_job, work);
    struct srv_engine *engine = job->engine;
    struct m2c_error err = work->err;
    job->times.queue_ms += work->wait_ms;
    job->times.encode_ms = work->run_ms;
    if (err.status == M2C_OK)
        remember_time(engine, job->times.decode_ms + job->times.encode_ms);
    end(job, &err);
    leave_ahead(engine);
}

/* What answers tell of the sampling outlives the frames. */
static enum m2c_status keep_facts(struct srv_video_job *job, struct m2c_error *err)
{
    const struct m2c_clip_frames *frames = &job->frames;
    struct srv_video_result *result = &job->result;
    size_t count = (size_t)frames->temporal_views * (size_t)frames->frames_per_view;
    result->facts = frames->facts;
    result->temporal_views = frames->temporal_views;
    result->frames_per_view = frames->frames_per_view;
    result->spatial_views = frames->spatial_views;
    result->warnings = frames->warnings;
    result->frame_indices = malloc(count * sizeof *result->frame_indices);
    result->frame_times_s = malloc(count * sizeof *result->frame_times_s);
    if (!result->frame_indices || !result->frame_times_s)
        return m2c_fail_memory(err, "frame indices", count * sizeof *result->frame_times_s);
    memcpy(result->frame_indices, frames->frame_indices, count * sizeof *result->frame_indices);
    memcpy(result->frame_times_s, frames->frame_times_s, count * sizeof *result->frame_times_s);
    return m2c_video_embedding_init(&result->embedding, job->request.set,
                                    frames->temporal_views * frames->spatial_views,
                                    frames->frames_per_view, err);
}

static void on_frames(struct srv_decode *decode, struct m2c_clip_frames *frames)
{
    struct srv_video_job *job = SRV_CONTAINER(decode, struct srv_video_job, decode);
    job->frames = *frames;
    memset(frames, 0, sizeof *frames);
}

static void on_decoded(struct srv_decode *decode, const struct m2c_error *err)
{
    struct srv_video_job *job = SRV_CONTAINER(decode, struct srv_video_job, decode);
    struct srv_engine *engine = job->engine;
    struct m2c_error failure = *err;
    job->times.decode_ms = decode->decode_ms;
    job->times.queue_ms = m2c_clock_ms() - job->submitted_ms - decode->decode_ms;
    release_video(job);
    if (failure.status == M2C_OK)
        failure.status = keep_facts(job, &failure);
    if (failure.status != M2C_OK) {
        end(job, &failure);
        leave_ahead(engine);
        return;
    }
    job->stage = STAGE_ENCODING;
    job->work = (struct srv_work){.kind = SRV_WORK_VIEWS,
                                  .served = job->request.served,
                                  .set = job->request.set,
                                  .cancelled = &job->cancelled,
                                  .done = on_encoded,
                                  .frames = &job->frames,
                                  .embedding = &job->result.embedding};
    srv_scheduler_submit(engine->scheduler, &job->work);
}

static void start_decoding(struct srv_video_job *job)
{
    struct srv_engine *engine = job->engine;
    job->stage = STAGE_DECODING;
    job->decode.bytes = job->request.video.bytes;
    job->decode.size = job->request.video.size;
    job->decode.on_frames = on_frames;
    job->decode.done = on_decoded;
    m2c_pipeline_plan(srv_served_model(job->request.served), job->request.set,
                      &job->request.sampling, &job->decode.plan);
    job->decode.plan.limits = engine->options.decode_limits;
    job->decode.plan.cancelled = &job->cancelled;
    srv_decoder_submit(engine->decoders, &job->decode);
}

/* Hands waiting videos to the decoders while few decoded ones lie ahead of the encoder, so that the
 * memory of decoded frames is bounded. */
static void advance(struct srv_engine *engine)
{
    while (engine->waiting && engine->ahead < engine->options.decoders + DECODED_AHEAD) {
        struct srv_video_job *job = engine->waiting;
        engine->waiting = job->next;
        if (!engine->waiting)
            engine->waiting_tail = &engine->waiting;
        engine->ahead++;
        start_decoding(job);
    }
}

static void leave_ahead(struct srv_engine *engine)
{
    engine->ahead--;
    advance(engine);
}

enum m2c_status srv_video_job_start(struct srv_engine *engine,
                                    const struct srv_video_request *request,
                                    struct srv_video_job **out, struct m2c_error *err)
{
    struct srv_video_job *job = calloc(1, sizeof *job);
    if (!job) {
        request->video.release(request->video.owner);
        return m2c_fail_memory(err, "a job", sizeof *job);
    }
    job->engine = engine;
    job->request = *request;
    (void)srv_served_ref(request->served);
    job->held = true;
    job->submitted_ms = m2c_clock_ms();
    atomic_init(&job->cancelled, false);
    engine->jobs++;
    *engine->waiting_tail = job;
    engine->waiting_tail = &job->next;
    *out = job;
    advance(engine);
    return M2C_OK;
}

static void leave_waiting(struct srv_video_job *job)
{
    struct srv_engine *engine = job->engine;
    struct srv_video_job **link = &engine->waiting;
    while (*link != job)
        link = &(*link)->next;
    *link = job->next;
    if (engine->waiting_tail == &job->next)
        engine->waiting_tail = link;
}

void srv_video_job_release(struct srv_video_job **job_pointer)
{
    struct srv_video_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    atomic_store_explicit(&job->cancelled, true, memory_order_relaxed);
    if (job->stage == STAGE_WAITING) {
        leave_waiting(job);
        release_video(job);
        job->engine->jobs--;
        job_free(job);
    } else if (job->stage == STAGE_ENDED) {
        job_free(job);
    }
}

struct srv_video_result srv_video_job_take_result(struct srv_video_job *job)
{
    struct srv_video_result result = job->result;
    memset(&job->result, 0, sizeof job->result);
    return result;
}

struct srv_video_times srv_video_job_times(const struct srv_video_job *job)
{
    return job->times;
}
