/* What follows a reload of the model, whoever asked for it. Loop thread. */
#ifndef SRV_HANDLERS_RELOADING_H
#define SRV_HANDLERS_RELOADING_H

#include "server/handlers/handlers.h"

/* A reload has ended so: it is logged, and where there is a new model, what was pinned for sets
 * that are no more is let go and the read-only label sets are read anew. Once for each who asked.
 */
void srv_handlers_reloaded(struct srv_handlers *handlers, const struct m2c_error *outcome);

#endif
