#include "server/engine/vector_version.h"

#include <stdio.h>

void srv_vector_version(const struct m2c_model *model, const struct m2c_set *set,
                        char out[SRV_VECTOR_VERSION_BYTES])
{
    (void)snprintf(out, SRV_VECTOR_VERSION_BYTES, "%s-%s-%s", m2c_set_info(set)->version,
                   m2c_precision_name(m2c_model_precision(model)),
                   m2c_backend_name(m2c_model_backend(model)));
}
