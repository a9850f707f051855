/* The service: one process on one loop. Wires listeners, handlers, engine and log together. */
#ifndef SRV_SERVER_H
#define SRV_SERVER_H

#include <stdio.h>

#include "server/config.h"
#include "status.h"

/* Serves until SIGTERM or SIGINT has been obeyed: no new connections, accepted work is finished
 * (for `drain_s` at most, then answered 503), all handles closed. A second signal ends the process
 * at once. Prints `listening on http://HOST:PORT` (https with TLS) on stdout once the model is
 * there. Fails where an address cannot be bound or the model cannot be loaded. Call once, from the
 * main thread. */
M2C_MUST_USE enum m2c_status srv_server_run(const struct srv_config *config, struct m2c_error *err);

/* Writes the table of routes as JSON lines: method, path, listeners, problem codes. */
void srv_server_print_routes(FILE *stream);

#endif
