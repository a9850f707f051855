/* Predictions of one answer, in rooms that live until it is written. Loop thread. */
#ifndef SRV_HANDLERS_PREDICTIONS_H
#define SRV_HANDLERS_PREDICTIONS_H

#include "pipeline.h"
#include "proto/predictions.h"
#include "server/handlers/label_source.h"

/* What one answer borrows; zeroed is empty, destroy frees. */
struct srv_predictions {
    struct proto_prediction_room predictions, classes;
};

void srv_predictions_destroy(struct srv_predictions *predictions);

/* answer->predictions (or, with `as_classes`, the top-level classes): the VC head's, all minima and
 * top_k of the options applied. */
M2C_MUST_USE enum m2c_status srv_predict_classes(struct srv_predictions *predictions,
                                                 const struct m2c_set *set,
                                                 const struct m2c_video_embedding *embedding,
                                                 const struct proto_options *options,
                                                 bool as_classes, struct proto_answer *answer,
                                                 struct m2c_error *err);

/* answer->predictions: zero-shot over the source's labels and background, vectors [rows, E]. */
M2C_MUST_USE enum m2c_status srv_predict_labels(struct srv_predictions *predictions,
                                                const struct srv_label_source *source,
                                                const float *vectors,
                                                const struct m2c_video_embedding *embedding,
                                                const struct proto_options *options,
                                                struct proto_answer *answer, struct m2c_error *err);

#endif
