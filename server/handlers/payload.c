#include "server/handlers/payload.h"

#include <stdlib.h>

void srv_payload_destroy(struct srv_payload *payload)
{
    srv_predictions_destroy(&payload->predictions);
    free(payload->embeddings);
    free(payload->video);
    free(payload->masks);
    free(payload->scored);
    free(payload->words);
    *payload = (struct srv_payload){0};
}
