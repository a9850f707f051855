/* Who may ask for what: what stands between a route and its handler. Loop thread. */
#ifndef SRV_HANDLERS_GATE_H
#define SRV_HANDLERS_GATE_H

#include "server/handlers/handlers.h"
#include "server/http/request.h"

/* srv_http_options.gate, of context `struct srv_handlers`: names the request's client, lets
 * pages of allowed origins read the reply, and judges by the route's access.
 *
 *   401 unauthorized      no key, or one that is not ours; WWW-Authenticate says Bearer
 *   403 forbidden         a key without the role; or a change of the server asked for without keys,
 *                         neither on the probe listener nor on a loopback address, or by a page of
 *                         another origin
 *   400 invalid_request   two keys that differ
 *   429 rate_limited      with Retry-After: too many of this client, wrong keys included
 *
 * The client is the name that its key has, else its address. */
M2C_MUST_USE enum m2c_status srv_gate(struct srv_request *request, void *context,
                                      struct m2c_error *err);

/* The route that answers preflights, or NULL while no origin is allowed: srv_router.preflight.
 * Static storage. */
const struct srv_route *srv_gate_preflight(const struct srv_handlers *handlers);

#endif
