/* A reply that is ready to go: status, type, bytes, a few headers. Loop thread. */
#ifndef SRV_HTTP_RESPONSE_H
#define SRV_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct MHD_Response;

struct srv_response {
    int http_status;
    const char *content_type; /* static storage */
    char *bytes;              /* owned, from malloc; or NULL with `constant` */
    const char *constant;     /* static storage, in place of `bytes` */
    size_t size;
    const char *allow;        /* borrowed until the reply is queued, or NULL */
    long long retry_after_ms; /* -1: no Retry-After */
    bool close;               /* end the connection after it */
};

/* An empty reply of a status; destroy frees `bytes`. */
struct srv_response srv_response_new(int http_status, const char *content_type);
void srv_response_destroy(struct srv_response *response);

/* The problem that `error` makes, its text included. Never fails: without memory the text is a
 * constant one. */
struct srv_response srv_response_problem(const struct m2c_error *error, const char *request_id,
                                         long long retry_after_ms);

/* Turns it into the library's form, with the headers that every reply has; takes the bytes in any
 * case. NULL without memory. */
struct MHD_Response *srv_response_build(struct srv_response *response, const char *request_id);

#endif
