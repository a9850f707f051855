#include "server/http/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
    srv_disconnect_watch_free(&request->watch);
    srv_response_destroy(&request->response);
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

static void resume(struct srv_request *request)
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
    request->on_gone = NULL;
    request->phase = SRV_REQUEST_READY;
    resume(request);
}

void srv_request_fail(struct srv_request *request, const struct m2c_error *error,
                      long long retry_after_ms)
{
    struct srv_response response = srv_response_problem(error, request->id, retry_after_ms);
    request->record.error = *error;
    if (error->status == M2C_METHOD_NOT_ALLOWED || error->status == M2C_NOT_IMPLEMENTED)
        response.allow = request->allow;
    srv_request_respond(request, &response);
}

void srv_request_gone(struct srv_request *request)
{
    void (*on_gone)(void *argument) = request->on_gone;
    request->on_gone = NULL;
    request->phase = SRV_REQUEST_DEAD;
    if (on_gone)
        on_gone(request->on_gone_argument);
    resume(request);
}

void srv_request_write_by_hand(struct srv_request *request, const struct m2c_error *error)
{
    char head[512];
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
