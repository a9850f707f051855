#include "proto/predictions.h"

#include <stdlib.h>

enum m2c_status proto_prediction_room_init(struct proto_prediction_room *room, size_t capacity,
                                           struct m2c_error *err)
{
    *room = (struct proto_prediction_room){.capacity = capacity};
    room->scored = calloc(capacity + 1, sizeof *room->scored);
    room->items = calloc(capacity + 1, sizeof *room->items);
    room->scratch = calloc(capacity + 1, sizeof *room->scratch);
    room->rows = calloc(capacity + 1, sizeof *room->rows);
    if (room->scored && room->items && room->scratch && room->rows)
        return M2C_OK;
    proto_prediction_room_destroy(room);
    return m2c_fail_memory(err, "predictions", capacity * sizeof *room->items);
}

void proto_prediction_room_destroy(struct proto_prediction_room *room)
{
    free(room->scored);
    free(room->items);
    free(room->scratch);
    free(room->rows);
    *room = (struct proto_prediction_room){0};
}

size_t proto_show_predictions(struct m2c_prediction *scored, size_t count, const char *const *names,
                              const char *const *ids, bool has_similarity,
                              const struct proto_options *options, struct proto_prediction *items)
{
    const struct m2c_selection selection = {
        .top_k = (size_t)options->top_k,
        .has_min_score = proto_options_has(options, PROTO_MIN_SCORE),
        .has_min_similarity = has_similarity && proto_options_has(options, PROTO_MIN_SIMILARITY),
        .min_score = (float)options->min_score,
        .min_similarity = (float)options->min_similarity,
    };
    size_t left = m2c_select_predictions(scored, count, &selection);
    for (size_t i = 0; i < left; i++) {
        items[i] = (struct proto_prediction){
            .label = names[scored[i].index],
            .label_id = ids ? ids[scored[i].index] : NULL,
            .index = scored[i].index,
            .score = scored[i].score,
            .has_similarity = has_similarity,
            .similarity = scored[i].similarity,
        };
    }
    return left;
}

static struct proto_prediction_list show(struct proto_prediction_room *room, size_t count,
                                         const char *const *names, const char *const *ids,
                                         const struct proto_options *options, bool has_similarity,
                                         bool *unknown)
{
    size_t left = proto_show_predictions(room->scored, count, names, ids, has_similarity, options,
                                         room->items);
    *unknown = left == 0 && count > 0;
    return (struct proto_prediction_list){room->items, left};
}

struct proto_prediction_list proto_predict_classes(struct proto_prediction_room *room,
                                                   const float *logits, size_t views,
                                                   size_t classes, const char *const *names,
                                                   const struct proto_options *options,
                                                   bool *unknown)
{
    m2c_score_classes(logits, views, classes, room->scored);
    return show(room, classes, names, NULL, options, false, unknown);
}

struct proto_prediction_list proto_predict_labels(struct proto_prediction_room *room,
                                                  const struct proto_label_rows *labels,
                                                  const float *video, size_t views, size_t dim,
                                                  const struct proto_options *options, float *other,
                                                  bool *unknown)
{
    for (size_t i = 0; i < labels->count + labels->background_count; i++)
        room->rows[i] = labels->vectors + i * dim;
    *other =
        m2c_score_labels(video, views, dim, room->rows, labels->count, room->rows + labels->count,
                         labels->background_count, room->scored, room->scratch);
    return show(room, labels->count, labels->names, labels->ids, options, true, unknown);
}
