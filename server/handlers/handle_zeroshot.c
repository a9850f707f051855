#include "server/handlers/exchange.h"

static enum m2c_status fill(struct srv_exchange *exchange, const struct srv_exchange_item *item,
                            struct srv_payload *payload, struct proto_answer *answer,
                            struct m2c_error *err)
{
    const struct m2c_video_embedding *embedding = &srv_video_seat_result(item->seat)->embedding;
    const float *vectors = srv_label_matrix_rows(srv_label_job_result(exchange->label_job).matrix);
    enum m2c_status status = srv_predict_labels(&payload->predictions, exchange->labels, vectors,
                                                embedding, &exchange->options, answer, err);
    if (status == M2C_OK && exchange->options.classes)
        status = srv_predict_classes(&payload->predictions, exchange->set, embedding,
                                     &exchange->options, true, answer, err);
    return status;
}

/* POST /v1/zeroshot: any labels, by their texts. */
void srv_handle_zeroshot(struct srv_request *request, void *context)
{
    static const struct srv_video_route route = {
        .route = PROTO_ZEROSHOT, .needs_labels = true, .fill = fill};
    srv_exchange_begin(request, context, &route);
}
