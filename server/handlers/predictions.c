#include "server/handlers/predictions.h"

#include <stdlib.h>
#include <string.h>

void srv_predictions_destroy(struct srv_predictions *predictions)
{
    free(predictions->predictions);
    free(predictions->classes);
    memset(predictions, 0, sizeof *predictions);
}

static struct m2c_selection selection_of(const struct proto_options *options, bool similarities)
{
    return (struct m2c_selection){
        .top_k = (size_t)options->top_k,
        .has_min_score = proto_options_has(options, PROTO_MIN_SCORE),
        .has_min_similarity = similarities && proto_options_has(options, PROTO_MIN_SIMILARITY),
        .min_score = (float)options->min_score,
        .min_similarity = (float)options->min_similarity,
    };
}

/* The same order and values for show, without names yet. New array, NULL without memory. */
static struct proto_prediction *shown(const struct m2c_prediction *scored, size_t count,
                                      bool similarities)
{
    struct proto_prediction *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; items && i < count; i++)
        items[i] = (struct proto_prediction){.index = scored[i].index,
                                             .score = scored[i].score,
                                             .has_similarity = similarities,
                                             .similarity = scored[i].similarity};
    return items;
}

enum m2c_status srv_predict_classes(struct srv_predictions *predictions, const struct m2c_set *set,
                                    const struct m2c_video_embedding *embedding,
                                    const struct proto_options *options, bool as_classes,
                                    struct proto_answer *answer, struct m2c_error *err)
{
    size_t classes = (size_t)embedding->classes;
    struct m2c_selection selection = selection_of(options, false);
    struct m2c_prediction *scored = calloc(classes + 1, sizeof *scored);
    if (!scored)
        return m2c_fail_memory(err, "predictions", classes * sizeof *scored);
    m2c_score_classes(embedding->vc_logits, (size_t)embedding->views, classes, scored);
    size_t count = m2c_select_predictions(scored, classes, &selection);
    struct proto_prediction *items = shown(scored, count, false);
    free(scored);
    if (!items)
        return m2c_fail_memory(err, "predictions", count * sizeof *items);
    for (size_t i = 0; i < count; i++)
        items[i].label = m2c_set_info(set)->labels->names[items[i].index];
    struct proto_prediction_list list = {items, count};
    if (as_classes) {
        predictions->classes = items;
        answer->has_classes = true;
        answer->classes = list;
    } else {
        predictions->predictions = items;
        answer->predictions = list;
        answer->unknown = count == 0 && classes > 0;
    }
    return M2C_OK;
}

/* Scores of all labels in label order; `*other` the background's share. */
static enum m2c_status score(const struct srv_label_source *source, const float *vectors,
                             const struct m2c_video_embedding *embedding,
                             struct m2c_prediction *scored, float *other, struct m2c_error *err)
{
    size_t rows = source->label_count + source->background_count;
    size_t dim = (size_t)embedding->dim;
    const float **pointers = calloc(rows + 1, sizeof *pointers);
    float *scratch = calloc(rows + 1, sizeof *scratch);
    if (pointers && scratch) {
        for (size_t i = 0; i < rows; i++)
            pointers[i] = vectors + i * dim;
        *other = m2c_score_labels(embedding->video, (size_t)embedding->views, dim, pointers,
                                  source->label_count, pointers + source->label_count,
                                  source->background_count, scored, scratch);
    }
    bool done = pointers && scratch;
    free(pointers);
    free(scratch);
    return done ? M2C_OK : m2c_fail_memory(err, "scores", rows * sizeof *pointers);
}

enum m2c_status srv_predict_labels(struct srv_predictions *predictions,
                                   const struct srv_label_source *source, const float *vectors,
                                   const struct m2c_video_embedding *embedding,
                                   const struct proto_options *options, struct proto_answer *answer,
                                   struct m2c_error *err)
{
    struct m2c_selection selection = selection_of(options, true);
    struct m2c_prediction *scored = calloc(source->label_count + 1, sizeof *scored);
    if (!scored)
        return m2c_fail_memory(err, "predictions", source->label_count * sizeof *scored);
    enum m2c_status status = score(source, vectors, embedding, scored, &answer->other, err);
    if (status != M2C_OK) {
        free(scored);
        return status;
    }
    size_t count = m2c_select_predictions(scored, source->label_count, &selection);
    struct proto_prediction *items = shown(scored, count, true);
    free(scored);
    if (!items)
        return m2c_fail_memory(err, "predictions", count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        items[i].label = srv_label_source_name(source, items[i].index);
        items[i].label_id = srv_label_source_id(source, items[i].index);
    }
    predictions->predictions = items;
    answer->predictions = (struct proto_prediction_list){items, count};
    answer->unknown = count == 0;
    answer->has_other = source->background_count > 0;
    return M2C_OK;
}
