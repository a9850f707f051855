/* The table of routes: what is served, by which handler, with which body, on which listener. */
#ifndef SRV_HTTP_ROUTER_H
#define SRV_HTTP_ROUTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct srv_request;

enum srv_body_policy {
    SRV_BODY_NONE,           /* none may come */
    SRV_BODY_VIDEO,          /* raw bytes, a form or JSON */
    SRV_BODY_OPTIONAL_VIDEO, /* the same, or none at all */
    SRV_BODY_JSON,           /* application/json alone */
    SRV_BODY_OPTIONAL_JSON,  /* the same, or none at all */
};

/* How long JSON may be where it is the whole body; with a video it has a limit of its own. */
enum srv_json_limit {
    SRV_JSON_PLAIN,     /* srv_http_options.max_plain_json_bytes */
    SRV_JSON_LABEL_SET, /* srv_http_options.max_label_set_bytes */
};

/* Whom a route serves; the gate judges (srv_http_options). */
enum srv_access {
    SRV_ACCESS_OPEN,    /* anybody */
    SRV_ACCESS_INFER,   /* whoever may ask the model */
    SRV_ACCESS_ADMIN,   /* whoever may change the server */
    SRV_ACCESS_METRICS, /* anybody on the probe listener; elsewhere as INFER */
};

enum srv_listener {
    SRV_ON_MAIN = 1 << 0,
    SRV_ON_PROBE = 1 << 1,
};

/* A set of problem statuses: bit i is status i. */
typedef uint64_t srv_status_set;
_Static_assert(M2C_STATUS_COUNT <= 64, "a status set is one 64-bit word");
#define SRV_CAN(name) ((srv_status_set)1 << M2C_##name)

struct srv_route {
    const char *method; /* GET also answers HEAD */
    const char *path;   /* literal segments, at most one `{name}` that matches one segment */
    enum srv_access access;
    enum srv_body_policy body;
    enum srv_json_limit json_limit;
    unsigned listeners; /* mask of enum srv_listener */
    bool quiet;         /* asked all the time: logged for debugging alone */

    /* Asked when the headers are complete and before the body is read; NULL: always taken. */
    enum m2c_status (*admit)(struct srv_request *request, void *context, struct m2c_error *err);

    /* Called once the body is complete: answers, or defers and answers later. */
    void (*handle)(struct srv_request *request, void *context);

    srv_status_set problems; /* what it may answer beside those of every route */
};

struct srv_router {
    const struct srv_route *routes; /* borrowed */
    size_t count;
    const struct srv_route *preflight; /* answers OPTIONS on every path that has a route; borrowed;
                                          NULL: OPTIONS is as any other method */
};

/* All problems that a route may answer: its own and those of the guard and the loop. */
srv_status_set srv_router_problems(const struct srv_route *route);

struct srv_match {
    const struct srv_route *route;
    const char *parameter; /* what `{name}` matched, borrowed from the path; NULL without one */
};

/* Finds the route of a decoded path. M2C_ROUTE_NOT_FOUND; M2C_METHOD_NOT_ALLOWED, or
 * M2C_NOT_IMPLEMENTED for a method that no route of ours knows, with what is allowed ("GET, HEAD")
 * in `allow`. Pure; any thread. */
M2C_MUST_USE enum m2c_status srv_router_find(const struct srv_router *router, unsigned listener,
                                             const char *method, const char *path,
                                             struct srv_match *out, char *allow, size_t allow_size,
                                             struct m2c_error *err);

#endif
