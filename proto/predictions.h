/* From scores to the lists that an answer shows: names given, minima and top_k of the options
 * applied. Used by the server and the command line alike.
 */
#ifndef PROTO_PREDICTIONS_H
#define PROTO_PREDICTIONS_H

#include "proto/answer.h"
#include "proto/options.h"
#include "scoring.h"

/* Room for one list at a time, of up to `capacity` classes, labels with their background, or words;
 * used anew from list to list. Zeroed is empty. */
struct proto_prediction_room {
    struct m2c_prediction *scored; /* [capacity] */
    struct proto_prediction *items;
    float *scratch;
    const float **rows;
    size_t capacity;
};

M2C_MUST_USE enum m2c_status proto_prediction_room_init(struct proto_prediction_room *room,
                                                        size_t capacity, struct m2c_error *err);
void proto_prediction_room_destroy(struct proto_prediction_room *room);

/* The lists below are borrowed from the room until its next use; `unknown` tells that minima left
 * none. Names are borrowed by the list. */

/* Classes by their logits [views, classes] (or what is given instead): m2c_score_classes. */
struct proto_prediction_list proto_predict_classes(struct proto_prediction_room *room,
                                                   const float *logits, size_t views,
                                                   size_t classes, const char *const *names,
                                                   const struct proto_options *options,
                                                   bool *unknown);

/* Label vectors with what they are called. */
struct proto_label_rows {
    const float *vectors; /* [count + background_count, E], unit */
    size_t count, background_count;
    const char *const *names; /* [count] */
    const char *const *ids;   /* [count], each may be NULL; NULL: no label has one */
};

/* Labels by video vectors [views, dim]: m2c_score_labels. `other`: the background's share. */
struct proto_prediction_list proto_predict_labels(struct proto_prediction_room *room,
                                                  const struct proto_label_rows *labels,
                                                  const float *video, size_t views, size_t dim,
                                                  const struct proto_options *options, float *other,
                                                  bool *unknown);

/* What both do at last: sorts `scored` [count], cuts it by the options' minima and top_k, and names
 * what is left in `items` [count]. `ids` may be NULL. Returns how many are left. */
size_t proto_show_predictions(struct m2c_prediction *scored, size_t count, const char *const *names,
                              const char *const *ids, bool has_similarity,
                              const struct proto_options *options, struct proto_prediction *items);

#endif
