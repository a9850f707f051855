#include "server/http/response.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "proto/problem.h"

struct srv_response srv_response_new(int http_status, const char *content_type)
{
    return (struct srv_response){
        .http_status = http_status, .content_type = content_type, .retry_after_ms = -1};
}

bool srv_header_list_add(struct srv_header_list *list, const char *name, const char *value)
{
    size_t at = 0;
    while (at < list->count && strcasecmp(list->items[at].name, name) != 0)
        at++;
    char *copy = at < SRV_MAX_EXTRA_HEADERS ? strdup(value) : NULL;
    if (!copy)
        return false;
    if (at == list->count)
        list->count++;
    else
        free(list->items[at].value);
    list->items[at] = (struct srv_header){name, copy};
    return true;
}

void srv_header_list_destroy(struct srv_header_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].value);
    list->count = 0;
}

bool srv_response_add_header(struct srv_response *response, const char *name, const char *value)
{
    return srv_header_list_add(&response->headers, name, value);
}

void srv_response_destroy(struct srv_response *response)
{
    free(response->bytes);
    response->bytes = NULL;
    response->size = 0;
    srv_header_list_destroy(&response->headers);
}

struct srv_response srv_response_problem(const struct m2c_error *error, const char *request_id,
                                         long long retry_after_ms)
{
    static const char fallback[] =
        "{\"type\":\"about:blank\",\"title\":\"The server failed to answer\",\"status\":500,"
        "\"code\":\"internal\"}";
    struct srv_response response =
        srv_response_new(proto_problem_http(error), PROTO_PROBLEM_CONTENT_TYPE);
    struct m2c_error ignored;
    struct proto_writer writer;
    response.retry_after_ms = retry_after_ms;
    proto_writer_init(&writer);
    proto_problem_write(&writer, error, request_id, retry_after_ms);
    if (proto_writer_take(&writer, &response.bytes, &response.size, &ignored) != M2C_OK) {
        response.http_status = 500;
        response.constant = fallback;
        response.size = sizeof fallback - 1;
    }
    proto_writer_destroy(&writer);
    return response;
}

static bool add_header(struct MHD_Response *reply, const char *name, const char *value)
{
    return MHD_add_response_header(reply, name, value) == MHD_YES;
}

static bool add_list(struct MHD_Response *reply, const struct srv_header_list *list)
{
    bool ok = true;
    for (size_t i = 0; i < list->count && ok; i++)
        ok = add_header(reply, list->items[i].name, list->items[i].value);
    return ok;
}

bool srv_response_dress(struct MHD_Response *reply, const struct srv_response *response,
                        const char *request_id, const struct srv_header_list *more)
{
    bool ok = (!response->content_type ||
               add_header(reply, MHD_HTTP_HEADER_CONTENT_TYPE, response->content_type)) &&
              add_header(reply, "X-Request-Id", request_id) &&
              add_header(reply, "X-Content-Type-Options", "nosniff") &&
              add_header(reply, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (ok && response->allow)
        ok = add_header(reply, MHD_HTTP_HEADER_ALLOW, response->allow);
    if (ok && response->retry_after_ms >= 0) {
        char seconds[24];
        (void)snprintf(seconds, sizeof seconds, "%lld", (response->retry_after_ms + 999) / 1000);
        ok = add_header(reply, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (ok && response->close)
        ok = add_header(reply, MHD_HTTP_HEADER_CONNECTION, "close");
    return ok && add_list(reply, &response->headers) && add_list(reply, more);
}

struct MHD_Response *srv_response_build(struct srv_response *response, const char *request_id,
                                        const struct srv_header_list *more)
{
    struct MHD_Response *reply;
    if (response->bytes) {
        reply = MHD_create_response_from_buffer_with_free_callback(response->size, response->bytes,
                                                                   free);
    } else {
        /* The library takes a non-const pointer and only reads in this mode. */
        union {
            const char *constant;
            void *pointer;
        } bytes = {.constant = response->constant ? response->constant : ""};
        reply =
            MHD_create_response_from_buffer(response->size, bytes.pointer, MHD_RESPMEM_PERSISTENT);
    }
    if (reply)
        response->bytes = NULL;
    if (reply && !srv_response_dress(reply, response, request_id, more)) {
        MHD_destroy_response(reply);
        reply = NULL;
    }
    srv_response_destroy(response);
    return reply;
}
