#include "server/handlers/exchange.h"

static enum m2c_status fill(struct srv_exchange *exchange, const struct srv_exchange_item *item,
                            struct srv_payload *payload, struct proto_answer *answer,
                            struct m2c_error *err)
{
    return srv_predict_classes(&payload->predictions, exchange->set,
                               &srv_video_seat_result(item->seat)->embedding, &exchange->options,
                               false, answer, err);
}

/* POST /v1/classify: the classes of the VC head. */
void srv_handle_classify(struct srv_request *request, void *context)
{
    static const struct srv_video_route route = {
        .route = PROTO_CLASSIFY, .needs_vc = true, .fill = fill};
    srv_exchange_begin(request, context, &route);
}
