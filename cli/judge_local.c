#include <stdlib.h>
#include <string.h>

#include "cli/clip_judge.h"
#include "cli/label_vectors.h"
#include "pipeline.h"
#include "runtime/clock.h"
#include "scoring.h"

enum {
    /* Frames of one forward pass: several views together, as far as memory stays modest. */
    BATCH_FRAMES = 64,
};

struct local_judge {
    struct cli_session *session;
    struct cli_judge_task task;
    struct cli_decode_ahead *ahead;
    struct cli_label_vectors vectors; /* of the labels; none without a tokenizer */
    size_t *label_of;                 /* [K] a class of the VC head as a label; NULL: not asked */
    struct m2c_prediction *scored;    /* [the most of both heads and the background] */
    float *scratch;                   /* likewise */
    size_t next;
};

/* What a head says, from its sorted predictions. `label_of` NULL: they are labels already. */
static void read_verdict(const struct m2c_prediction *sorted, size_t count, const size_t *label_of,
                         size_t truth, struct cli_verdict *verdict)
{
    *verdict = (struct cli_verdict){.rank = count};
    for (size_t i = 0; i < count; i++) {
        size_t label = label_of ? label_of[sorted[i].index] : sorted[i].index;
        if (i < CLI_TOP)
            verdict->top[verdict->top_count++] = label;
        if (label == truth)
            verdict->rank = i;
    }
}

static void score(struct local_judge *judge, const struct m2c_video_embedding *embedding,
                  size_t truth, struct cli_clip_result *result)
{
    static const struct m2c_selection all = {.top_k = 0};
    size_t views = (size_t)embedding->views, classes = (size_t)embedding->classes;
    if (judge->label_of) {
        m2c_score_classes(embedding->vc_logits, views, classes, judge->scored);
        size_t left = m2c_select_predictions(judge->scored, classes, &all);
        read_verdict(judge->scored, left, judge->label_of, truth, &result->heads[CLI_HEAD_VC]);
    }
    if (judge->vectors.count > 0) {
        const struct cli_label_vectors *own = &judge->vectors;
        (void)m2c_score_labels(embedding->video, views, (size_t)embedding->dim, own->labels,
                               own->count, own->background, own->background_count, judge->scored,
                               judge->scratch);
        size_t left = m2c_select_predictions(judge->scored, own->count, &all);
        read_verdict(judge->scored, left, NULL, truth, &result->heads[CLI_HEAD_ZEROSHOT]);
    }
}

static enum m2c_status encode(struct local_judge *judge, const struct m2c_clip_frames *clip,
                              size_t truth, struct cli_clip_result *result, struct m2c_error *err)
{
    struct m2c_video_embedding embedding = {0};
    const struct cli_session *session = judge->session;
    int views = clip->temporal_views * clip->spatial_views;
    double started_ms = m2c_clock_ms();
    enum m2c_status status =
        m2c_video_embedding_init(&embedding, session->set, views, clip->frames_per_view, err);
    if (status == M2C_OK)
        status = m2c_pipeline_encode_views(session->encoder, session->set, clip, 0, views,
                                           &embedding, NULL, err);
    if (status == M2C_OK)
        score(judge, &embedding, truth, result);
    m2c_video_embedding_destroy(&embedding);
    result->encode_us = cli_clip_us(m2c_clock_ms() - started_ms);
    return status;
}

static enum m2c_status judge_next(void *own, struct cli_clip_result *result, struct m2c_error *err)
{
    struct local_judge *judge = own;
    struct cli_decoded decoded;
    size_t truth = judge->task.truths[judge->next++];
    *result = (struct cli_clip_result){0};
    cli_decode_ahead_next(judge->ahead, &decoded);
    enum m2c_status status = decoded.failure.status;
    *err = decoded.failure;
    result->decode_us = cli_clip_us(decoded.decode_ms);
    if (status == M2C_OK)
        status = encode(judge, &decoded.clip, truth, result, err);
    result->done = status == M2C_OK;
    cli_decoded_destroy(&decoded);
    return status;
}

static void free_judge(void *own)
{
    struct local_judge *judge = own;
    cli_decode_ahead_free(&judge->ahead);
    cli_label_vectors_destroy(&judge->vectors);
    free(judge->label_of);
    free(judge->scored);
    free(judge->scratch);
    free(judge);
}

/* Which label each class of the VC head is; leaves `label_of` NULL where they are not the same. */
static enum m2c_status match_classes(struct local_judge *judge, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(judge->session->set);
    size_t classes = (size_t)info->classes, count = judge->task.labels->count;
    if (!info->has_vc || classes != count)
        return M2C_OK;
    size_t *label_of = calloc(classes + 1, sizeof *label_of);
    if (!label_of)
        return m2c_fail_memory(err, "classes", classes * sizeof *label_of);
    for (size_t i = 0; i < classes; i++) {
        const char *name = info->labels->names[i];
        label_of[i] = cli_label_index(judge->task.labels, name, strlen(name));
        if (label_of[i] == count) {
            free(label_of);
            return M2C_OK;
        }
    }
    judge->label_of = label_of;
    return M2C_OK;
}

static enum m2c_status prepare_heads(struct local_judge *judge, struct m2c_error *err)
{
    struct cli_session *session = judge->session;
    size_t room = judge->task.labels->count + (size_t)m2c_set_info(session->set)->classes;
    enum m2c_status status = match_classes(judge, err);
    if (status == M2C_OK && m2c_model_tokenizer(session->model))
        status = cli_label_vectors_init(&judge->vectors, session, judge->task.options, err);
    if (status != M2C_OK)
        return status;
    if (!judge->label_of && judge->vectors.count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                              "there is nothing to evaluate: the model has no head with these "
                              "labels and no tokenizer for zero-shot");
    room += judge->vectors.background_count;
    judge->scored = calloc(room, sizeof *judge->scored);
    judge->scratch = calloc(room, sizeof *judge->scratch);
    return judge->scored && judge->scratch
               ? M2C_OK
               : m2c_fail_memory(err, "predictions", room * sizeof *judge->scored);
}

static enum m2c_status start(struct local_judge *judge, struct m2c_error *err)
{
    struct cli_session *session = judge->session;
    struct m2c_sampling sampling, preferred = m2c_pipeline_default_sampling(session->set);
    struct m2c_decode_plan plan;
    enum m2c_status status =
        proto_options_sampling(judge->task.options, &preferred, &sampling, err);
    if (status != M2C_OK)
        return status;
    int frames = sampling.frames * sampling.temporal_views * sampling.spatial_views;
    int batch = frames < BATCH_FRAMES ? frames : BATCH_FRAMES;
    status = cli_session_encoder(session, batch > sampling.frames ? batch : sampling.frames, err);
    if (status == M2C_OK)
        status = prepare_heads(judge, err);
    m2c_pipeline_plan(session->model, session->set, &sampling, &plan);
    if (status == M2C_OK)
        status = cli_decode_ahead_new(judge->task.inputs, &plan, judge->task.spans, 0.0,
                                      &judge->ahead, err);
    return status;
}

enum m2c_status cli_judge_locally(struct cli_session *session, const struct cli_judge_task *task,
                                  struct cli_clip_judge *out, struct m2c_error *err)
{
    struct local_judge *judge = calloc(1, sizeof *judge);
    *out = (struct cli_clip_judge){.own = judge, .judge = judge_next, .free = free_judge};
    if (!judge)
        return m2c_fail_memory(err, "the judge", sizeof *judge);
    judge->session = session;
    judge->task = *task;
    return start(judge, err);
}
