/* Scores of one video as an answer shows them. */
#ifndef CLI_PREDICTIONS_H
#define CLI_PREDICTIONS_H

#include "cli/label_vectors.h"
#include "pipeline.h"
#include "proto/answer.h"

/* Buffers that one list of predictions lives in, reused from video to video. */
struct cli_predictions {
    struct m2c_prediction *scored; /* [capacity] */
    struct proto_prediction *items;
    float *scratch;
    size_t capacity;
};

M2C_MUST_USE enum m2c_status cli_predictions_init(struct cli_predictions *predictions,
                                                  size_t capacity, struct m2c_error *err);
void cli_predictions_destroy(struct cli_predictions *predictions);

/* Scores the set's classes by the options' top_k and min_score. The list is borrowed from
 * `predictions` until the next call. `unknown`: minima left none. */
struct proto_prediction_list cli_predict_classes(struct cli_predictions *predictions,
                                                 const struct m2c_set *set,
                                                 const struct m2c_video_embedding *embedding,
                                                 const struct proto_options *options,
                                                 bool *unknown);

/* Scores labels likewise; `other` gets the background's share. */
struct proto_prediction_list cli_predict_labels(struct cli_predictions *predictions,
                                                const struct cli_label_vectors *vectors,
                                                const struct m2c_video_embedding *embedding,
                                                const struct proto_options *options, float *other,
                                                bool *unknown);

#endif
