#include "server/engine/mask_job.h"

#include <stdlib.h>

#include "fill_mask.h"
#include "runtime/checked.h"
#include "server/container.h"
#include "server/engine/engine_internal.h"

struct srv_mask_job {
    struct srv_engine *engine;
    struct srv_mask_request request;
    bool held, ended;
    struct m2c_masked_text masked;
    size_t words;
    struct m2c_prediction *predictions; /* [masks, M] */
    struct srv_work work;
};

static void job_free(struct srv_mask_job *job)
{
    m2c_masked_text_destroy(&job->masked);
    srv_kept_video_unref(job->request.video);
    srv_served_unref(job->request.served, job->engine->loop);
    free(job->predictions);
    free(job);
}

static void on_encoded(struct srv_work *work)
{
    struct srv_mask_job *job = SRV_CONTAINER(work, struct srv_mask_job, work);
    struct m2c_error err = work->err;
    job->ended = true;
    job->engine->jobs--;
    if (job->held)
        job->request.done(job, &err, job->request.argument);
    else
        job_free(job);
}

static enum m2c_status prepare(struct srv_mask_job *job, struct m2c_error *err)
{
    const struct srv_mask_request *request = &job->request;
    size_t predictions;
    enum m2c_status status = m2c_masked_text_init(&job->masked, srv_served_model(request->served),
                                                  request->text, request->truncate, err);
    if (status != M2C_OK)
        return status;
    job->words = (size_t)m2c_set_info(request->set)->cmlm_words;
    if (!m2c_checked_multiply(job->masked.masks, job->words, &predictions))
        return m2c_fail_memory(err, "predictions", SIZE_MAX);
    job->predictions = calloc(predictions, sizeof *job->predictions);
    return job->predictions
               ? M2C_OK
               : m2c_fail_memory(err, "predictions", predictions * sizeof *job->predictions);
}

enum m2c_status srv_mask_job_start(struct srv_engine *engine,
                                   const struct srv_mask_request *request,
                                   struct srv_mask_job **out, struct m2c_error *err)
{
    struct srv_mask_job *job = calloc(1, sizeof *job);
    *out = job;
    if (!job)
        return m2c_fail_memory(err, "a job", sizeof *job);
    job->engine = engine;
    job->request = *request;
    (void)srv_served_ref(request->served);
    (void)srv_kept_video_ref(request->video);
    job->held = true;
    enum m2c_status status = prepare(job, err);
    job->request.text = NULL;
    if (status != M2C_OK) {
        *out = NULL;
        job_free(job);
        return status;
    }
    job->work = (struct srv_work){
        .kind = SRV_WORK_MASKS,
        .served = request->served,
        .set = request->set,
        .done = on_encoded,
        .masked = &job->masked,
        .embedding = &job->request.video->result.embedding,
        .predictions = job->predictions,
    };
    engine->jobs++;
    srv_scheduler_submit(engine->scheduler, &job->work);
    return M2C_OK;
}

void srv_mask_job_release(struct srv_mask_job **job_pointer)
{
    struct srv_mask_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job)
        return;
    job->held = false;
    if (job->ended)
        job_free(job);
    else
        srv_scheduler_cancel(job->engine->scheduler, &job->work);
}

struct srv_mask_result srv_mask_job_result(const struct srv_mask_job *job)
{
    return (struct srv_mask_result){
        .masks = job->masked.masks,
        .words = job->words,
        .positions = job->masked.positions,
        .predictions = job->predictions,
        .text_ms = job->work.run_ms,
    };
}
