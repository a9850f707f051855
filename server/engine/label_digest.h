/* A list of labels as a digest: what its matrix of vectors is kept under. */
#ifndef SRV_ENGINE_LABEL_DIGEST_H
#define SRV_ENGINE_LABEL_DIGEST_H

#include "model/digest.h"
#include "server/engine/label_job.h"

/* Everything that the vectors depend on: their version, templates, texts and which row each adds
 * to, and truncation. Any thread. */
M2C_MUST_USE enum m2c_status srv_label_digest(const char *version,
                                              const struct srv_label_request *request,
                                              unsigned char out[M2C_DIGEST_BYTES],
                                              struct m2c_error *err);

#endif
