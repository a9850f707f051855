#include "server/http/router.h"

#include <stdio.h>
#include <string.h>

srv_status_set srv_router_problems(const struct srv_route *route)
{
    srv_status_set problems =
        route->problems | SRV_CAN(INVALID_REQUEST) | SRV_CAN(METHOD_NOT_ALLOWED) |
        SRV_CAN(BODY_TIMEOUT) | SRV_CAN(LENGTH_REQUIRED) | SRV_CAN(TOO_LARGE) |
        SRV_CAN(URI_TOO_LONG) | SRV_CAN(UNSUPPORTED_MEDIA_TYPE) | SRV_CAN(EXPECTATION_FAILED) |
        SRV_CAN(HEADERS_TOO_LARGE) | SRV_CAN(INTERNAL) | SRV_CAN(NOT_IMPLEMENTED);
    if (route->access != SRV_ACCESS_OPEN)
        problems |= SRV_CAN(UNAUTHORIZED);
    if (route->access == SRV_ACCESS_INFER || route->access == SRV_ACCESS_ADMIN)
        problems |= SRV_CAN(RATE_LIMITED);
    if (route->access == SRV_ACCESS_ADMIN)
        problems |= SRV_CAN(FORBIDDEN);
    if (route->body != SRV_BODY_NONE)
        problems |= SRV_CAN(QUEUE_FULL) | SRV_CAN(STORAGE); /* no room for it */
    return problems;
}

/* Whether a decoded path fits a pattern; `*parameter` is set where the pattern has one. The
 * parameter must be the last segment, so that it can be borrowed from the path. */
static bool path_matches(const char *pattern, const char *path, const char **parameter)
{
    *parameter = NULL;
    const char *brace = strchr(pattern, '{');
    if (!brace)
        return strcmp(pattern, path) == 0;
    size_t literal = (size_t)(brace - pattern);
    if (strncmp(pattern, path, literal) != 0 || path[literal] == '\0' ||
        strchr(path + literal, '/'))
        return false;
    *parameter = path + literal;
    return true;
}

static bool method_matches(const struct srv_route *route, const char *method)
{
    return strcmp(route->method, method) == 0 ||
           (strcmp(route->method, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

static void list_method(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);
    (void)snprintf(allow + used, size - used, "%s%s", used > 0 ? ", " : "", method);
    if (strcmp(method, "GET") == 0)
        list_method(allow, size, "HEAD");
}

static bool is_known_method(const char *method)
{
    static const char *const known[] = {"GET",    "HEAD",    "POST",  "PUT",
                                        "DELETE", "OPTIONS", "PATCH", "TRACE"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(method, known[i]) == 0)
            return true;
    return false;
}

enum m2c_status srv_router_find(const struct srv_router *router, unsigned listener,
                                const char *method, const char *path, struct srv_match *out,
                                char *allow, size_t allow_size, struct m2c_error *err)
{
    allow[0] = '\0';
    for (size_t i = 0; i < router->count; i++) {
        const struct srv_route *route = &router->routes[i];
        const char *parameter;
        if (!(route->listeners & listener) || !path_matches(route->path, path, &parameter))
            continue;
        if (method_matches(route, method)) {
            out->route = route;
            out->parameter = parameter;
            return M2C_OK;
        }
        list_method(allow, allow_size, route->method);
    }
    if (allow[0] == '\0')
        return m2c_fail(err, M2C_ROUTE_NOT_FOUND, "no route has this path");
    if (router->preflight && strcmp(method, "OPTIONS") == 0) {
        out->route = router->preflight;
        out->parameter = NULL;
        return M2C_OK;
    }
    if (!is_known_method(method))
        return m2c_fail(err, M2C_NOT_IMPLEMENTED, "the method is not known; allowed are %s", allow);
    return m2c_fail(err, M2C_METHOD_NOT_ALLOWED, "allowed are %s", allow);
}
