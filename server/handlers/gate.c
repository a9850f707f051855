#include "server/handlers/gate.h"

#include <string.h>
#include <strings.h>

#include "runtime/clock.h"
#include "server/clients/clients.h"
#include "server/clients/forwarded.h"

enum { FORWARDED_BYTES = 4096 };

/* ---- other origins ---- */

static const char *allowed_origin(const struct srv_clients *clients, struct srv_request *request)
{
    const char *origin = srv_request_header(request, "Origin");
    return origin ? srv_cors_allow(&clients->cors, origin) : NULL;
}

/* Browsers and caches must not mix up what different origins were told. */
static void tell_origin(const struct srv_clients *clients, struct srv_request *request)
{
    const char *allowed = allowed_origin(clients, request);
    if (srv_cors_varies(&clients->cors))
        (void)srv_request_add_header(request, "Vary", "Origin");
    if (!allowed)
        return;
    (void)srv_request_add_header(request, "Access-Control-Allow-Origin", allowed);
    (void)srv_request_add_header(request, "Access-Control-Expose-Headers", SRV_CORS_EXPOSE_HEADERS);
}

static void answer_preflight(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    struct srv_response response = srv_response_new(204, NULL);
    response.allow = srv_request_allow(request);
    if (allowed_origin(handlers->clients, request) &&
        srv_request_header(request, "Access-Control-Request-Method")) {
        (void)srv_response_add_header(&response, "Access-Control-Allow-Methods", response.allow);
        (void)srv_response_add_header(&response, "Access-Control-Allow-Headers",
                                      SRV_CORS_ALLOW_HEADERS);
        (void)srv_response_add_header(&response, "Access-Control-Max-Age", SRV_CORS_MAX_AGE_S);
    }
    srv_request_respond(request, &response);
}

const struct srv_route *srv_gate_preflight(const struct srv_handlers *handlers)
{
    static const struct srv_route route = {
        .method = "OPTIONS",
        .path = "*",
        .access = SRV_ACCESS_OPEN,
        .listeners = SRV_ON_MAIN | SRV_ON_PROBE,
        .quiet = true,
        .handle = answer_preflight,
    };
    const struct srv_cors *cors = &handlers->clients->cors;
    return cors->any || cors->count > 0 ? &route : NULL;
}

/* ---- who it is ---- */

static void name_by_address(const struct srv_clients *clients, struct srv_request *request)
{
    struct srv_forwarded forwarded;
    struct srv_address address;
    char lines[FORWARDED_BYTES], text[SRV_ADDRESS_TEXT_BYTES];
    if (clients->trusted_proxies.count == 0)
        return;
    srv_forwarded_begin(&forwarded, &clients->trusted_proxies, srv_request_peer_address(request));
    /* A list too long to be read whole would lack its end, the one part that can be believed. */
    if (forwarded.believed &&
        srv_request_header_list(request, "X-Forwarded-For", lines, sizeof lines) && lines[0])
        srv_forwarded_add(&forwarded, lines);
    if (!srv_forwarded_client(&forwarded, &address))
        return;
    srv_address_format(&address, text);
    srv_request_set_client(request, text);
}

/* The key of `Authorization: Bearer KEY`, or NULL. */
static const char *bearer(const char *authorization)
{
    if (!authorization || strncasecmp(authorization, "Bearer ", 7) != 0)
        return NULL;
    return authorization + 7 + strspn(authorization + 7, " ");
}

static enum m2c_status read_key(struct srv_request *request, const char **out,
                                struct m2c_error *err)
{
    const char *token = bearer(srv_request_header(request, "Authorization"));
    const char *key = srv_request_header(request, "X-API-Key");
    if (token && key && strcmp(token, key) != 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "X-API-Key",
                              "Authorization and X-API-Key bring different keys");
    *out = token ? token : key;
    return M2C_OK;
}

static enum m2c_status unauthorized(struct srv_request *request, const char *key,
                                    struct m2c_error *err)
{
    (void)srv_request_add_header(request, "WWW-Authenticate",
                                 key ? "Bearer realm=\"m2clip\", error=\"invalid_token\""
                                     : "Bearer realm=\"m2clip\"");
    return m2c_fail(err, M2C_UNAUTHORIZED, "%s",
                    key ? "the key is not known"
                        : "send Authorization: Bearer KEY, or X-API-Key: KEY");
}

/* Fails where `needed` is more than the client's key allows. */
static enum m2c_status check_key(const struct srv_clients *clients, struct srv_request *request,
                                 enum srv_role needed, struct m2c_error *err)
{
    const char *key = NULL;
    struct srv_api_client client;
    enum m2c_status status = read_key(request, &key, err);
    if (status != M2C_OK)
        return status;
    if (!key || !srv_api_keys_find(clients->keys, key, &client))
        return unauthorized(request, key, err);
    srv_request_set_client(request, client.name);
    if (needed == SRV_ROLE_ADMIN && client.role != SRV_ROLE_ADMIN)
        return m2c_fail(err, M2C_FORBIDDEN, "this takes a key of the role admin");
    return M2C_OK;
}

/* ---- what it may ---- */

static bool is_private(const struct srv_request *request)
{
    return srv_request_listener(request) == SRV_ON_PROBE ||
           srv_request_listens_on_loopback(request);
}

/* A browser sends any page's simple requests anywhere, loopback included, and names the page. */
static bool is_foreign_page(const struct srv_clients *clients, struct srv_request *request)
{
    const char *origin = srv_request_header(request, "Origin");
    const char *host = srv_request_header(request, "Host");
    if (!origin || srv_cors_allow(&clients->cors, origin))
        return false;
    const char *named = strstr(origin, "://");
    return !named || !host || strcmp(named + 3, host) != 0;
}

static enum m2c_status judge_without_keys(const struct srv_clients *clients,
                                          struct srv_request *request, struct m2c_error *err)
{
    if (!is_private(request))
        return m2c_fail(err, M2C_FORBIDDEN,
                        "without API keys this is served on a loopback address alone");
    if (is_foreign_page(clients, request))
        return m2c_fail(err, M2C_FORBIDDEN, "a page of another origin may not ask for this");
    return M2C_OK;
}

static enum m2c_status judge(const struct srv_clients *clients, struct srv_request *request,
                             struct m2c_error *err)
{
    switch (srv_request_route(request)->access) {
    case SRV_ACCESS_METRICS:
        if (srv_request_listener(request) == SRV_ON_PROBE)
            return M2C_OK;
        break;
    case SRV_ACCESS_ADMIN:
        return clients->keys ? check_key(clients, request, SRV_ROLE_ADMIN, err)
                             : judge_without_keys(clients, request, err);
    case SRV_ACCESS_OPEN:
        return M2C_OK;
    case SRV_ACCESS_INFER:
        break;
    }
    return clients->keys ? check_key(clients, request, SRV_ROLE_INFER, err) : M2C_OK;
}

/* A token of the client's; one without a good key uses up its address's. */
static enum m2c_status take_token(struct srv_clients *clients, struct srv_request *request,
                                  struct m2c_error *err)
{
    enum srv_access access = srv_request_route(request)->access;
    if (clients->rate.per_second <= 0.0 ||
        (access != SRV_ACCESS_INFER && access != SRV_ACCESS_ADMIN))
        return M2C_OK;
    struct srv_client *client = srv_client_table_get(clients->table, srv_request_client(request));
    if (!client)
        return m2c_fail_memory(err, "a client", sizeof *client);
    struct srv_record *record = srv_request_record(request);
    if (srv_rate_take(&clients->rate, client, m2c_clock_ms(), &record->retry_after_ms))
        return M2C_OK;
    return m2c_fail(err, M2C_RATE_LIMITED, "a client may send %.6g requests a second, %.0f at once",
                    clients->rate.per_second, clients->rate.burst);
}

enum m2c_status srv_gate(struct srv_request *request, void *context, struct m2c_error *err)
{
    struct srv_handlers *handlers = context;
    struct srv_clients *clients = handlers->clients;
    struct m2c_error limited;
    tell_origin(clients, request);
    name_by_address(clients, request);
    enum m2c_status judged = judge(clients, request, err);
    if (take_token(clients, request, &limited) == M2C_OK)
        return judged;
    *err = limited;
    return err->status;
}
