#include "server/handlers/predictions.h"

void srv_predictions_destroy(struct srv_predictions *predictions)
{
    proto_prediction_room_destroy(&predictions->predictions);
    proto_prediction_room_destroy(&predictions->classes);
}

enum m2c_status srv_predict_classes(struct srv_predictions *predictions, const struct m2c_set *set,
                                    const struct m2c_video_embedding *embedding,
                                    const struct proto_options *options, bool as_classes,
                                    struct proto_answer *answer, struct m2c_error *err)
{
    struct proto_prediction_room *room =
        as_classes ? &predictions->classes : &predictions->predictions;
    size_t classes = (size_t)embedding->classes;
    bool unknown;
    enum m2c_status status = proto_prediction_room_init(room, classes, err);
    if (status != M2C_OK)
        return status;
    const struct proto_prediction_list list = proto_predict_classes(
        room, embedding->vc_logits, (size_t)embedding->views, classes,
        (const char *const *)m2c_set_info(set)->labels->names, options, &unknown);
    if (as_classes) {
        answer->has_classes = true;
        answer->classes = list;
    } else {
        answer->predictions = list;
        answer->unknown = unknown;
    }
    return M2C_OK;
}

enum m2c_status srv_predict_labels(struct srv_predictions *predictions,
                                   const struct srv_label_source *source, const float *vectors,
                                   const struct m2c_video_embedding *embedding,
                                   const struct proto_options *options, struct proto_answer *answer,
                                   struct m2c_error *err)
{
    const struct proto_label_rows rows = {
        .vectors = vectors,
        .count = source->label_count,
        .background_count = source->background_count,
        .names = source->names,
        .ids = source->ids,
    };
    enum m2c_status status = proto_prediction_room_init(&predictions->predictions,
                                                        rows.count + rows.background_count, err);
    if (status != M2C_OK)
        return status;
    answer->predictions = proto_predict_labels(&predictions->predictions, &rows, embedding->video,
                                               (size_t)embedding->views, (size_t)embedding->dim,
                                               options, &answer->other, &answer->unknown);
    answer->has_other = source->background_count > 0;
    return M2C_OK;
}
