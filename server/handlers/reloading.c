#include "server/handlers/reloading.h"

#include <string.h>

#include "server/engine/vector_version.h"
#include "server/handlers/label_registry.h"

static bool is_used(const char *version, const void *argument)
{
    const struct m2c_model *model = argument;
    for (size_t i = 0; i < m2c_model_set_count(model); i++) {
        char known[SRV_VECTOR_VERSION_BYTES];
        srv_vector_version(model, m2c_model_set(model, i), known);
        if (strcmp(known, version) == 0)
            return true;
    }
    return false;
}

void srv_handlers_reloaded(struct srv_handlers *handlers, const struct m2c_error *outcome)
{
    if (outcome->status != M2C_OK) {
        srv_log_error(handlers->log, SRV_LOG_ERROR, "reload_failed", outcome);
        return;
    }
    srv_log_event(handlers->log, SRV_LOG_INFO, "reloaded", NULL, NULL);
    if (!handlers->label_sets)
        return;
    srv_label_registry_unpin_unused(handlers->label_sets, is_used,
                                    srv_served_model(srv_engine_served(handlers->engine)));
    srv_label_registry_refresh(handlers->label_sets);
}
