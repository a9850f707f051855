#include "server/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "runtime/clock.h"
#include "server/http/http_internal.h"
#include "server/http/request_id.h"

struct srv_request *srv_request_new(struct srv_http *http, const char *target)
{
    struct srv_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->target_text = strdup(target);
    if (!request->target_text) {
        free(request);
        return NULL;
    }
    request->http = http;
    request->start_ms = m2c_clock_ms();
    request->response = srv_response_new(0, "");
    request->record = (struct srv_record){.method = "",
                                          .client = "",
                                          .retry_after_ms = -1,
                                          .receive_ms = -1.0,
                                          .queue_ms = -1.0,
                                          .decode_ms = -1.0,
                                          .encode_ms = -1.0,
                                          .text_ms = -1.0};
    request->next = http->requests;
    if (request->next)
        request->next->previous = request;
    http->requests = request;
    return request;
}

static void release_reservation(struct srv_request *request, bool succeeded)
{
    void *reservation = request->reservation;
    request->reservation = NULL;
    if (reservation)
        request->release(reservation, succeeded);
}

void srv_request_free(struct srv_request *request)
{
    if (request->next)
        request->next->previous = request->previous;
    if (request->previous)
        request->previous->next = request->next;
    else
        request->http->requests = request->next;
    if (request->peer)
        request->peer->request = NULL;
    srv_store_abandon(request);
    release_reservation(request, false);
    srv_disconnect_watch_free(&request->watch);
    srv_response_destroy(&request->response);
    srv_header_list_destroy(&request->headers);
    srv_stream_release(&request->stream);
    srv_upload_destroy(&request->upload);
    free(request->target_text);
    free(request);
}

const char *srv_request_id(const struct srv_request *request)
{
    return request->id;
}

const struct srv_route *srv_request_route(const struct srv_request *request)
{
    return request->match.route;
}

const char *srv_request_path_parameter(const struct srv_request *request)
{
    return request->match.parameter;
}

const char *srv_request_query(const struct srv_request *request)
{
    return request->target.query;
}

const char *srv_request_header(const struct srv_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

struct header_list {
    const char *name;
    char *out;
    size_t size, used;
    bool fits;
};

static enum MHD_Result append_value(void *cls, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct header_list *list = cls;
    (void)kind;
    if (strcasecmp(name, list->name) != 0)
        return MHD_YES;
    int length = snprintf(list->out + list->used, list->size - list->used, "%s%s",
                          list->used > 0 ? ", " : "", value ? value : "");
    list->fits = length >= 0 && (size_t)length < list->size - list->used;
    list->used += list->fits ? (size_t)length : 0;
    return list->fits ? MHD_YES : MHD_NO;
}

bool srv_request_header_list(const struct srv_request *request, const char *name, char *out,
                             size_t size)
{
    struct header_list list = {name, out, size, 0, true};
    out[0] = '\0';
    (void)MHD_get_connection_values(request->connection, MHD_HEADER_KIND, append_value, &list);
    return list.fits;
}

const char *srv_request_peer_address(const struct srv_request *request)
{
    return request->peer->address;
}

enum srv_listener srv_request_listener(const struct srv_request *request)
{
    return request->http->options.listener;
}

bool srv_request_listens_on_loopback(const struct srv_request *request)
{
    return request->http->on_loopback;
}

void srv_request_set_client(struct srv_request *request, const char *name)
{
    (void)snprintf(request->client, sizeof request->client, "%s", name);
    request->record.client = srv_request_client(request);
}

const char *srv_request_client(const struct srv_request *request)
{
    return request->client[0] ? request->client : request->peer->address;
}

const char *srv_request_allow(const struct srv_request *request)
{
    return request->allow;
}

bool srv_request_add_header(struct srv_request *request, const char *name, const char *value)
{
    return srv_header_list_add(&request->headers, name, value);
}

enum srv_media_kind srv_request_media(const struct srv_request *request)
{
    return request->upload.media;
}

struct srv_body *srv_request_body(const struct srv_request *request)
{
    return request->upload.body;
}

const struct srv_form *srv_request_form(const struct srv_request *request)
{
    return &request->upload.form;
}

double srv_request_receive_ms(const struct srv_request *request)
{
    return request->complete_ms - request->start_ms;
}

double srv_request_complete_ms(const struct srv_request *request)
{
    return request->complete_ms;
}

struct srv_record *srv_request_record(struct srv_request *request)
{
    return &request->record;
}

void srv_request_defer(struct srv_request *request, void (*on_gone)(void *argument), void *argument)
{
    request->deferred_by_handler = true;
    request->on_gone = on_gone;
    request->on_gone_argument = argument;
}

void srv_request_set_reservation(struct srv_request *request, void *reservation,
                                 void (*release)(void *reservation, bool succeeded))
{
    request->reservation = reservation;
    request->release = release;
}

void *srv_request_reservation(const struct srv_request *request)
{
    return request->reservation;
}

void srv_request_suspend(struct srv_request *request)
{
    request->watch = srv_disconnect_watch_new(request, request->peer->fd);
    request->suspended = true;
    MHD_suspend_connection(request->connection);
}

void srv_request_resume(struct srv_request *request)
{
    srv_disconnect_watch_free(&request->watch);
    if (!request->suspended)
        return;
    request->suspended = false;
    MHD_resume_connection(request->connection);
    srv_http_want_pump(request->http);
}

void srv_request_respond(struct srv_request *request, struct srv_response *response)
{
    request->response = *response;
    response->bytes = NULL;
    response->headers.count = 0;
    request->on_gone = NULL;
    request->phase = SRV_REQUEST_READY;
    release_reservation(request, request->response.http_status < 300);
    srv_request_resume(request);
}

void srv_request_fail(struct srv_request *request, const struct m2c_error *error,
                      long long retry_after_ms)
{
    if (retry_after_ms < 0)
        retry_after_ms = request->record.retry_after_ms;
    struct srv_response response = srv_response_problem(error, request->id, retry_after_ms);
    request->record.error = *error;
    request->record.retry_after_ms = retry_after_ms;
    if (error->status == M2C_METHOD_NOT_ALLOWED || error->status == M2C_NOT_IMPLEMENTED)
        response.allow = request->allow;
    srv_request_respond(request, &response);
}

void srv_request_gone(struct srv_request *request)
{
    void (*on_gone)(void *argument) = request->on_gone;
    request->on_gone = NULL;
    request->left = true;
    request->phase = SRV_REQUEST_DEAD;
    if (on_gone)
        on_gone(request->on_gone_argument);
    release_reservation(request, false);
    srv_request_resume(request);
}

void srv_request_write_by_hand(struct srv_request *request, const struct m2c_error *error)
{
    char head[512];
    if (request->http->tls.key) {
        /* Only the library can speak for the session: closing is all that can be said. */
        request->record.error = *error;
        request->phase = SRV_REQUEST_DEAD;
        return;
    }
    if (request->id[0] == '\0')
        srv_request_id_make(NULL, request->id);
    struct srv_response response = srv_response_problem(error, request->id, -1);
    const char *body = response.bytes ? response.bytes : response.constant;
    int length =
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                 "X-Request-Id: %s\r\nX-Content-Type-Options: nosniff\r\n"
                 "Cache-Control: no-store\r\nConnection: close\r\n\r\n",
                 response.http_status, MHD_get_reason_phrase_for((unsigned)response.http_status),
                 response.content_type, response.size, request->id);
    if (length > 0 && (size_t)length < sizeof head &&
        send(request->peer->fd, head, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE) ==
            length)
        (void)send(request->peer->fd, body, response.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    request->record.error = *error;
    request->record.http_status = response.http_status;
    request->record.reply_bytes = response.size;
    request->phase = SRV_REQUEST_DEAD;
    srv_response_destroy(&response);
}
