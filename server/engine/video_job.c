#include "server/engine/video_job.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"

enum stage { STAGE_DECODING, STAGE_ENCODING, STAGE_ENDED };

struct srv_video_job {
    struct srv_engine *engine;
    enum stage stage;
    bool held; /* by the caller */
    struct srv_video_request request;
    struct srv_decode decode;
    struct srv_work work;
    struct m2c_clip_frames frames;
    struct srv_video_result result;
    struct srv_video_times times;
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
    srv_decoder_return(job->engine->decoders, &job->decode);
    job->stage = STAGE_ENDED;
    job->engine->jobs--;
    if (job->held)
        job->request.done(job, err, job->request.argument);
    else
        job_free(job);
}

static void on_encoded(struct srv_work *work)
{
    struct srv_video_job *job = SRV_CONTAINER(work, struct srv_video_job, work);
    struct srv_engine *engine = job->engine;
    struct m2c_error err = work->err;
    job->times.queue_ms += work->wait_ms;
    job->times.encode_ms = work->run_ms;
    job->times.batch_clips = work->largest_batch;
    if (err.status == M2C_OK)
        srv_engine_learn_encode(engine, work);
    end(job, &err);
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

static void start_encoding(struct srv_video_job *job)
{
    const struct srv_video_request *request = &job->request;
    job->stage = STAGE_ENCODING;
    job->work = (struct srv_work){.kind = SRV_WORK_VIEWS,
                                  .lane = job->decode.lane,
                                  .served = request->served,
                                  .set = request->set,
                                  .deadline_ms = request->deadline_ms,
                                  .done = on_encoded,
                                  .frames = &job->frames,
                                  .embedding = &job->result.embedding};
    srv_scheduler_submit(job->engine->scheduler, &job->work);
}

static void on_decoded(struct srv_decode *decode, const struct m2c_error *err)
{
    struct srv_video_job *job = SRV_CONTAINER(decode, struct srv_video_job, decode);
    struct m2c_error failure = *err;
    job->times.decode_ms = decode->decode_ms;
    job->times.queue_ms = decode->wait_ms;
    if (failure.status == M2C_OK)
        srv_engine_learn_decode(job->engine, decode);
    release_video(job);
    if (failure.status == M2C_OK && !job->held)
        failure.status = m2c_fail(&failure, M2C_CANCELLED, "nobody waits for this video");
    if (failure.status == M2C_OK)
        failure.status = keep_facts(job, &failure);
    if (failure.status == M2C_OK)
        start_encoding(job);
    else
        end(job, &failure);
}

static void start_decoding(struct srv_video_job *job)
{
    struct srv_engine *engine = job->engine;
    const struct srv_video_request *request = &job->request;
    const struct m2c_sampling *sampling = &request->sampling;
    struct srv_decode *decode = &job->decode;
    job->stage = STAGE_DECODING;
    decode->bytes = request->video.bytes;
    decode->size = request->video.size;
    decode->lane = srv_lane_of_frames((size_t)sampling->frames * (size_t)sampling->temporal_views *
                                      (size_t)sampling->spatial_views);
    decode->deadline_ms = request->deadline_ms;
    decode->on_frames = on_frames;
    decode->done = on_decoded;
    m2c_pipeline_plan(srv_served_model(request->served), request->set, sampling, &decode->plan);
    decode->plan.limits = engine->options.decode_limits;
    srv_decoder_submit(engine->decoders, decode);
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
    engine->jobs++;
    *out = job;
    start_decoding(job);
    return M2C_OK;
}

void srv_video_job_release(struct srv_video_job **job_pointer)
{
    struct srv_video_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    switch (job->stage) {
    case STAGE_DECODING:
        srv_decoder_cancel(job->engine->decoders, &job->decode);
        break;
    case STAGE_ENCODING:
        srv_scheduler_cancel(job->engine->scheduler, &job->work);
        break;
    case STAGE_ENDED:
        job_free(job);
        break;
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
