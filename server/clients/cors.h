/* Which pages of other origins a browser may let read our answers. Off unless asked for. Pure. */
#ifndef SRV_CLIENTS_CORS_H
#define SRV_CLIENTS_CORS_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/* Zeroed: off. */
struct srv_cors {
    bool any;       /* `*` */
    char **origins; /* [count], owned */
    size_t count;
};

/* Request headers that a page may send, answer headers that it may read, and how long a browser may
 * remember the permission. */
#define SRV_CORS_ALLOW_HEADERS                                                                     \
    "Authorization, X-API-Key, Content-Type, Accept, Cache-Control, If-Match, X-Request-Id, "      \
    "traceparent"
#define SRV_CORS_EXPOSE_HEADERS "X-Request-Id, Retry-After, ETag, traceparent, WWW-Authenticate"
#define SRV_CORS_MAX_AGE_S "600"

/* Reads "*", or origins with commas between: "https://app.example,http://localhost:3000", scheme
 * and host in lower case, no path, no default port, as browsers send them; `null` is refused, since
 * any page can be of that origin. M2C_USAGE, field `cors-origin`. New; srv_cors_destroy frees it.
 */
M2C_MUST_USE enum m2c_status srv_cors_parse(const char *text, struct srv_cors *out,
                                            struct m2c_error *err);
void srv_cors_destroy(struct srv_cors *cors);

/* The value of Access-Control-Allow-Origin for a request of that Origin: "*", the origin (borrowed
 * from `cors`), or NULL: none. */
const char *srv_cors_allow(const struct srv_cors *cors, const char *origin);

/* Whether answers differ by origin, and so must say `Vary: Origin`. */
bool srv_cors_varies(const struct srv_cors *cors);

#endif
