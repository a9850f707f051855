/* A reply that is ready to go: status, type, bytes, a few headers. Loop thread. */
#ifndef SRV_HTTP_RESPONSE_H
#define SRV_HTTP_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct MHD_Response;

enum { SRV_MAX_EXTRA_HEADERS = 8 };

/* A header beside those that every reply has. */
struct srv_header {
    const char *name; /* static storage */
    char *value;      /* owned */
};

struct srv_header_list {
    struct srv_header items[SRV_MAX_EXTRA_HEADERS];
    size_t count;
};

/* Appends, or replaces the one of that name: `name` is static storage, `value` is copied. False
 * when the list is full or without memory. */
bool srv_header_list_add(struct srv_header_list *list, const char *name, const char *value);
void srv_header_list_destroy(struct srv_header_list *list);

struct srv_response {
    int http_status;
    const char *content_type; /* static storage; NULL: the reply has no content */
    char *bytes;              /* owned, from malloc; or NULL with `constant` */
    const char *constant;     /* static storage, in place of `bytes` */
    size_t size;
    const char *allow;        /* borrowed until the reply is queued, or NULL */
    long long retry_after_ms; /* -1: no Retry-After */
    bool close;               /* end the connection after it */
    struct srv_header_list headers;
};

/* An empty reply of a status; destroy frees bytes and headers. */
struct srv_response srv_response_new(int http_status, const char *content_type);
void srv_response_destroy(struct srv_response *response);

/* As srv_header_list_add: ETag, WWW-Authenticate and the like. */
bool srv_response_add_header(struct srv_response *response, const char *name, const char *value);

/* The problem that `error` makes, its text included. Never fails: without memory the text is a
 * constant one. */
struct srv_response srv_response_problem(const struct m2c_error *error, const char *request_id,
                                         long long retry_after_ms);

/* Turns it into the library's form, with the headers that every reply has and those of `more`;
 * takes the bytes in any case. NULL without memory. */
struct MHD_Response *srv_response_build(struct srv_response *response, const char *request_id,
                                        const struct srv_header_list *more);

/* Adds the same headers to a reply that has its bytes from elsewhere; false without memory. */
bool srv_response_dress(struct MHD_Response *reply, const struct srv_response *response,
                        const char *request_id, const struct srv_header_list *more);

#endif
