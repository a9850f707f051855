#include "pipeline.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/encoder.h"
#include "runtime/checked.h"
#include "scoring.h"

static float *new_floats(size_t a, size_t b, size_t c)
{
    size_t count;
    if (!m2c_checked_multiply3(a, b, c, &count))
        return NULL;
    return calloc(count ? count : 1, sizeof(float));
}

enum m2c_status m2c_video_embedding_init(struct m2c_video_embedding *embedding,
                                         const struct m2c_set *set, int views, int frames,
                                         struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(set);
    size_t v = (size_t)views;
    size_t dim = (size_t)info->dim;
    *embedding = (struct m2c_video_embedding){
        .views = views, .frames = frames, .dim = info->dim, .classes = info->classes};
    embedding->frame_features = new_floats(v, (size_t)frames, dim);
    embedding->video = new_floats(v, dim, 1);
    if (info->has_vc)
        embedding->vc_logits = new_floats(v, (size_t)info->classes, 1);
    if (embedding->frame_features && embedding->video && (!info->has_vc || embedding->vc_logits))
        return M2C_OK;
    m2c_video_embedding_destroy(embedding);
    return m2c_fail_memory(err, "a video's embedding", v * dim * sizeof(float));
}

void m2c_video_embedding_destroy(struct m2c_video_embedding *embedding)
{
    free(embedding->frame_features);
    free(embedding->video);
    free(embedding->vc_logits);
    *embedding = (struct m2c_video_embedding){0};
}

size_t m2c_pipeline_warnings(const struct m2c_model *model, unsigned clip_warnings,
                             const char *names[M2C_MAX_WARNINGS])
{
    size_t count = 0;
    if (m2c_model_config(model)->untrained)
        names[count++] = "untrained_model";
    for (unsigned bit = 1; bit != 0 && count < M2C_MAX_WARNINGS; bit <<= 1) {
        const char *name = clip_warnings & bit ? m2c_clip_warning_name(bit) : NULL;
        if (name)
            names[count++] = name;
    }
    return count;
}

void m2c_pipeline_plan(const struct m2c_model *model, const struct m2c_set *set,
                       const struct m2c_sampling *sampling, struct m2c_decode_plan *plan)
{
    const struct m2c_preprocess *preprocess = m2c_set_info(set)->preprocess;
    *plan = m2c_decode_plan_defaults();
    plan->sampling = *sampling;
    plan->size_px = m2c_model_config(model)->image_px;
    plan->resize = preprocess->resize;
    memcpy(plan->mean, preprocess->mean, sizeof plan->mean);
    memcpy(plan->std, preprocess->std, sizeof plan->std);
}

struct m2c_sampling m2c_pipeline_default_sampling(const struct m2c_set *set)
{
    const struct m2c_preprocess *preprocess = m2c_set_info(set)->preprocess;
    struct m2c_sampling sampling = m2c_sampling_defaults();
    sampling.frames = preprocess->frames;
    sampling.stride = preprocess->stride;
    return sampling;
}

/* The frames of one view as the network sees them: [T]. */
static void list_images(const struct m2c_batch_view *view, int size_px, struct m2c_image *images)
{
    const struct m2c_clip_frames *clip = view->clip;
    for (int t = 0; t < clip->frames_per_view; t++) {
        struct m2c_frame_view frame = m2c_frame_view(clip, view->view % clip->temporal_views, t,
                                                     view->view / clip->temporal_views, size_px);
        images[t] = (struct m2c_image){
            .data = frame.data, .plane_stride = frame.plane_stride, .row_stride = frame.row_stride};
    }
}

/* What one view's share of a batch is, in floats. */
struct view_floats {
    size_t features, video, vc; /* T E, E, K */
};

/* Row b of a batch's outputs into the embedding that its view belongs to. */
static void scatter(const struct m2c_batch_view *view, const struct m2c_video_request *request,
                    size_t b, const struct view_floats *floats)
{
    struct m2c_video_embedding *embedding = view->embedding;
    size_t at = (size_t)view->view;
    memcpy(embedding->frame_features + at * floats->features,
           request->frame_features + b * floats->features, floats->features * sizeof(float));
    memcpy(embedding->video + at * floats->video, request->video + b * floats->video,
           floats->video * sizeof(float));
    if (floats->vc > 0)
        memcpy(embedding->vc_logits + at * floats->vc, request->vc_logits + b * floats->vc,
               floats->vc * sizeof(float));
}

enum m2c_status m2c_pipeline_encode_batch(struct m2c_encoder *encoder, const struct m2c_set *set,
                                          const struct m2c_batch_view *views, int count,
                                          const _Atomic bool *cancel, struct m2c_error *err)
{
    const struct m2c_video_embedding *like = views[0].embedding;
    size_t clips = (size_t)count;
    size_t frames = (size_t)like->frames;
    int size_px = encoder->base->config.image_px;
    struct view_floats floats = {.features = frames * (size_t)like->dim,
                                 .video = (size_t)like->dim,
                                 .vc = like->vc_logits ? (size_t)like->classes : 0};
    struct m2c_image *images = calloc(clips * frames, sizeof *images);
    float *outputs = new_floats(clips, floats.features + floats.video + floats.vc, 1);
    enum m2c_status status = M2C_OK;
    assert(count >= 1 && clips * frames <= (size_t)encoder->max_frames);
    if (!images || !outputs)
        status = m2c_fail_memory(err, "a batch", clips * frames * sizeof *images);
    for (size_t b = 0; status == M2C_OK && b < clips; b++) {
        assert(views[b].embedding->frames == like->frames);
        list_images(&views[b], size_px, images + b * frames);
    }
    float *vc = outputs ? outputs + clips * (floats.features + floats.video) : NULL;
    struct m2c_video_request request = {
        .images = images,
        .clips = count,
        .frames = like->frames,
        .frame_features = outputs,
        .video = outputs ? outputs + clips * floats.features : NULL,
        .vc_logits = floats.vc > 0 ? vc : NULL,
        .cancel = cancel,
    };
    if (status == M2C_OK && m2c_encode_video(encoder, set, &request) == M2C_CANCELLED)
        status = m2c_fail(err, M2C_CANCELLED, "encoding was cancelled");
    for (size_t b = 0; status == M2C_OK && b < clips; b++)
        scatter(&views[b], &request, b, &floats);
    free(images);
    free(outputs);
    return status;
}

enum m2c_status m2c_pipeline_encode_views(struct m2c_encoder *encoder, const struct m2c_set *set,
                                          const struct m2c_clip_frames *clip, int first, int count,
                                          struct m2c_video_embedding *embedding,
                                          const _Atomic bool *cancel, struct m2c_error *err)
{
    int batch = encoder->max_frames / clip->frames_per_view;
    assert(batch >= 1 && embedding->frames == clip->frames_per_view);
    struct m2c_batch_view *views = calloc((size_t)batch, sizeof *views);
    if (!views)
        return m2c_fail_memory(err, "a batch", (size_t)batch * sizeof *views);
    enum m2c_status status = M2C_OK;
    for (int done = 0; done < count && status == M2C_OK;) {
        int taken = 0;
        do
            views[taken++] = (struct m2c_batch_view){clip, first + done++, embedding};
        while (taken < batch && done < count);
        status = m2c_pipeline_encode_batch(encoder, set, views, taken, cancel, err);
    }
    free(views);
    return status;
}

/* The template with the text in place of `{}`; new, NULL without memory. */
static char *fill_template(const char *template_text, const char *text)
{
    const char *place = template_text ? strstr(template_text, "{}") : NULL;
    if (!place)
        return strdup(text);
    size_t before = (size_t)(place - template_text);
    size_t bytes = strlen(template_text) + strlen(text) - 1;
    char *filled = malloc(bytes);
    if (filled)
        (void)snprintf(filled, bytes, "%.*s%s%s", (int)before, template_text, text, place + 2);
    return filled;
}

enum m2c_status m2c_pipeline_tokenize(const struct m2c_model *model, const char *template_text,
                                      const char *text, bool truncate, int32_t *ids, int32_t *count,
                                      struct m2c_error *err)
{
    const struct m2c_tokenizer *tokenizer = m2c_model_tokenizer(model);
    size_t capacity = (size_t)m2c_model_config(model)->context_length - 2;
    size_t tokens = 0;
    if (!tokenizer)
        return m2c_fail(err, M2C_NO_TOKENIZER, "the model folder holds no tokenizer files");
    char *filled = fill_template(template_text, text);
    if (!filled)
        return m2c_fail_memory(err, "a text", strlen(text));
    enum m2c_status status = truncate
                                 ? m2c_tokenizer_encode_truncated(tokenizer, filled, strlen(filled),
                                                                  ids + 1, capacity, &tokens, err)
                                 : m2c_tokenizer_encode(tokenizer, filled, strlen(filled), ids + 1,
                                                        capacity, &tokens, err);
    free(filled);
    if (status != M2C_OK)
        return status;
    ids[0] = m2c_tokenizer_start_id(tokenizer);
    ids[tokens + 1] = m2c_tokenizer_end_id(tokenizer);
    *count = (int32_t)tokens + 2;
    return M2C_OK;
}

/* All texts tokenized one after the other. ids: [count * context], counts: [count]. */
static enum m2c_status tokenize_all(const struct m2c_model *model, const char *template_text,
                                    const char *const *texts, size_t count, bool truncate,
                                    const char *field_prefix, int32_t *ids, int32_t *counts,
                                    struct m2c_error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum m2c_status status =
            m2c_pipeline_tokenize(model, template_text, texts[i], truncate, ids, &counts[i], err);
        if (status != M2C_OK) {
            (void)snprintf(err->field, sizeof err->field, "%.40s[%zu]", field_prefix, i);
            return status;
        }
        ids += counts[i];
    }
    return M2C_OK;
}

enum m2c_status m2c_pipeline_encode_texts(struct m2c_encoder *encoder, const struct m2c_set *set,
                                          const char *template_text, const char *const *texts,
                                          size_t count, bool truncate, const char *field_prefix,
                                          float *vectors, struct m2c_error *err)
{
    const struct m2c_model *model = encoder->model;
    size_t context = (size_t)m2c_model_config(model)->context_length;
    size_t dim = (size_t)m2c_set_info(set)->dim;
    int32_t *ids = calloc(count ? count : 1, context * sizeof *ids);
    int32_t *counts = calloc(count ? count : 1, sizeof *counts);
    enum m2c_status status = M2C_OK;
    if (!ids || !counts)
        status = m2c_fail_memory(err, "token ids", count * context * sizeof *ids);
    if (status == M2C_OK)
        status = tokenize_all(model, template_text, texts, count, truncate, field_prefix, ids,
                              counts, err);
    struct m2c_text_request request = {
        .ids = ids, .counts = counts, .texts = (int)count, .text = vectors};
    if (status == M2C_OK)
        status = m2c_encode_text(encoder, set, &request, err);
    for (size_t i = 0; status == M2C_OK && i < count; i++)
        m2c_unit_vector(vectors + i * dim, dim);
    free(ids);
    free(counts);
    return status;
}
