#include "cli/predictions.h"

#include <stdlib.h>

#include "scoring.h"

enum m2c_status cli_predictions_init(struct cli_predictions *predictions, size_t capacity,
                                     struct m2c_error *err)
{
    *predictions = (struct cli_predictions){.capacity = capacity};
    predictions->scored = calloc(capacity + 1, sizeof *predictions->scored);
    predictions->items = calloc(capacity + 1, sizeof *predictions->items);
    predictions->scratch = calloc(capacity + 1, sizeof *predictions->scratch);
    if (!predictions->scored || !predictions->items || !predictions->scratch)
        return m2c_fail_memory(err, "predictions", capacity * sizeof *predictions->items);
    return M2C_OK;
}

void cli_predictions_destroy(struct cli_predictions *predictions)
{
    free(predictions->scored);
    free(predictions->items);
    free(predictions->scratch);
    *predictions = (struct cli_predictions){0};
}

/* Sorts and cuts the scored ones and gives them names. */
static struct proto_prediction_list show(struct cli_predictions *predictions, size_t count,
                                         const char *const *names, const char *const *ids,
                                         const struct proto_options *options, bool has_similarity,
                                         bool *unknown)
{
    const struct m2c_selection selection = {
        .top_k = (size_t)options->top_k,
        .has_min_score = proto_options_has(options, PROTO_MIN_SCORE),
        .has_min_similarity = has_similarity && proto_options_has(options, PROTO_MIN_SIMILARITY),
        .min_score = (float)options->min_score,
        .min_similarity = (float)options->min_similarity,
    };
    size_t left = m2c_select_predictions(predictions->scored, count, &selection);
    for (size_t i = 0; i < left; i++) {
        const struct m2c_prediction *scored = &predictions->scored[i];
        predictions->items[i] = (struct proto_prediction){
            .label = names[scored->index],
            .label_id = ids ? ids[scored->index] : NULL,
            .index = scored->index,
            .score = scored->score,
            .has_similarity = has_similarity,
            .similarity = scored->similarity,
        };
    }
    *unknown = left == 0 && count > 0;
    return (struct proto_prediction_list){predictions->items, left};
}

struct proto_prediction_list cli_predict_classes(struct cli_predictions *predictions,
                                                 const struct m2c_set *set,
                                                 const struct m2c_video_embedding *embedding,
                                                 const struct proto_options *options, bool *unknown)
{
    const struct m2c_label_list *labels = m2c_set_info(set)->labels;
    size_t classes = (size_t)embedding->classes;
    m2c_score_classes(embedding->vc_logits, (size_t)embedding->views, classes, predictions->scored);
    return show(predictions, classes, (const char *const *)labels->names, NULL, options, false,
                unknown);
}

struct proto_prediction_list cli_predict_labels(struct cli_predictions *predictions,
                                                const struct cli_label_vectors *vectors,
                                                const struct m2c_video_embedding *embedding,
                                                const struct proto_options *options, float *other,
                                                bool *unknown)
{
    *other = m2c_score_labels(embedding->video, (size_t)embedding->views, (size_t)embedding->dim,
                              vectors->labels, vectors->count, vectors->background,
                              vectors->background_count, predictions->scored, predictions->scratch);
    return show(predictions, vectors->count, vectors->names, vectors->ids, options, true, unknown);
}
