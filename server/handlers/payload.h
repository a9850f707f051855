/* What one answer borrows until it is written: predictions, embeddings, masks. Loop thread. */
#ifndef SRV_HANDLERS_PAYLOAD_H
#define SRV_HANDLERS_PAYLOAD_H

#include "server/handlers/predictions.h"

/* Zeroed is empty, destroy frees. */
struct srv_payload {
    struct srv_predictions predictions;
    struct proto_embedding *embeddings;
    float *video;                   /* [E] */
    struct proto_mask *masks;       /* [masks] */
    struct m2c_prediction *scored;  /* [M] */
    struct proto_prediction *words; /* [masks, M] */
};

void srv_payload_destroy(struct srv_payload *payload);

#endif
