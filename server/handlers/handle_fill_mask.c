#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "server/handlers/exchange.h"

static enum m2c_status make_room(struct srv_payload *payload, const struct srv_mask_result *result,
                                 struct m2c_error *err)
{
    size_t items;
    if (!m2c_checked_multiply(result->masks, result->words, &items))
        return m2c_fail_memory(err, "predictions", SIZE_MAX);
    payload->masks = calloc(result->masks, sizeof *payload->masks);
    payload->scored = calloc(result->words, sizeof *payload->scored);
    payload->words = calloc(items, sizeof *payload->words);
    if (!payload->masks || !payload->scored || !payload->words)
        return m2c_fail_memory(err, "predictions", items * sizeof *payload->words);
    return M2C_OK;
}

static enum m2c_status fill(struct srv_exchange *exchange, const struct srv_exchange_item *item,
                            struct srv_payload *payload, struct proto_answer *answer,
                            struct m2c_error *err)
{
    const struct srv_mask_result result = srv_mask_job_result(item->masks);
    const char *const *names = (const char *const *)exchange->words.names;
    enum m2c_status status = make_room(payload, &result, err);
    if (status != M2C_OK)
        return status;
    for (size_t i = 0; i < result.masks; i++) {
        struct proto_prediction *words = payload->words + i * result.words;
        memcpy(payload->scored, result.predictions + i * result.words,
               result.words * sizeof *payload->scored);
        size_t left = proto_show_predictions(payload->scored, result.words, names, NULL, false,
                                             &exchange->options, words);
        payload->masks[i] = (struct proto_mask){.position = result.positions[i],
                                                .predictions = {.items = words, .count = left}};
    }
    answer->masks = payload->masks;
    answer->mask_count = result.masks;
    return M2C_OK;
}

/* POST /v1/fill-mask: the words that a video suggests for each [MASK]. */
void srv_handle_fill_mask(struct srv_request *request, void *context)
{
    static const struct srv_video_route route = {
        .route = PROTO_FILL_MASK, .payload = PROTO_PAYLOAD_MASKS, .needs_cmlm = true, .fill = fill};
    srv_exchange_begin(request, context, &route);
}
