/* One GET without a body worth keeping: is a server there, and what does it answer? */
#ifndef NET_PROBE_H
#define NET_PROBE_H

#include "status.h"

/* Asks `url` (http or https, no proxy, no redirect) and stores the HTTP status. No answer within
 * `timeout_ms`: M2C_FETCH_FAILED, the library's reason as context. Blocks; call from one thread
 * before others start. */
M2C_MUST_USE enum m2c_status net_probe(const char *url, long timeout_ms, long *http_status,
                                       struct m2c_error *err);

#endif
