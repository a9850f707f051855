#include <stdlib.h>

#include "server/handlers/exchange.h"

/* The video's vector first, if there is a video, then one a text. */
static enum m2c_status fill(struct srv_exchange *exchange, const struct srv_exchange_item *item,
                            struct srv_payload *payload, struct proto_answer *answer,
                            struct m2c_error *err)
{
    size_t texts = exchange->labels ? exchange->labels->label_count : 0;
    size_t dim = (size_t)m2c_set_info(exchange->set)->dim;
    payload->embeddings = calloc(texts + 1, sizeof *payload->embeddings);
    payload->video = calloc(dim, sizeof *payload->video);
    if (!payload->embeddings || !payload->video)
        return m2c_fail_memory(err, "embeddings", (texts + 1) * sizeof *payload->embeddings);
    struct proto_embedding *next = payload->embeddings;
    if (item->seat) {
        const struct m2c_video_embedding *embedding = &srv_video_seat_result(item->seat)->embedding;
        m2c_mean_unit_vector(embedding->video, (size_t)embedding->views, dim, payload->video);
        *next++ = (struct proto_embedding){.vector = payload->video};
    }
    for (size_t i = 0; i < texts; i++)
        *next++ = (struct proto_embedding){
            .text = exchange->labels->names[i],
            .index = i,
            .vector =
                srv_label_matrix_rows(srv_label_job_result(exchange->label_job).matrix) + i * dim};
    answer->embeddings = payload->embeddings;
    answer->embedding_count = (size_t)(next - payload->embeddings);
    answer->dim = dim;
    return M2C_OK;
}

/* POST /v1/embed: unit vectors of a video, of texts, or of both. */
void srv_handle_embed(struct srv_request *request, void *context)
{
    static const struct srv_video_route route = {
        .route = PROTO_EMBED, .payload = PROTO_PAYLOAD_EMBEDDINGS, .fill = fill};
    srv_exchange_begin(request, context, &route);
}
