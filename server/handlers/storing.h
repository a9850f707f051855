/* What a request lets us remember, and whose memory it may use. Loop thread. */
#ifndef SRV_HANDLERS_STORING_H
#define SRV_HANDLERS_STORING_H

#include <stdbool.h>

#include "server/handlers/handlers.h"
#include "server/http/request.h"

/* Whether the request's Cache-Control says `no-store`. */
bool srv_forbids_storing(const struct srv_request *request);

/* In whose name videos are kept: the client's where keys tell clients apart, else "" for all.
 * Borrowed for the request's life. */
const char *srv_video_scope(const struct srv_handlers *handlers, const struct srv_request *request);

#endif
