/* The library's callbacks: a request from its first line to its end.
 *
 * libmicrohttpd calls srv_access once when the headers are complete, once for each piece of body,
 * once when the body is complete, and again after each resume until a reply is queued. A reply can
 * be queued in the first call, in the last one and after a resume alone.
 */
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/http/header_guard.h"
#include "server/http/http_internal.h"
#include "server/http/request_id.h"

static struct srv_peer *peer_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void *srv_access_uri(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct srv_http *http = cls;
    struct srv_peer *peer = peer_of(connection);
    struct srv_request *request = peer ? srv_request_new(http, uri) : NULL;
    http->progress = true;
    if (!request)
        return NULL;
    request->peer = peer;
    peer->request = request;
    peer->requests++;
    srv_peer_enter(peer, SRV_PEER_HEADERS);
    return request;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                 size_t name_size, const char *value, size_t value_size)
{
    (void)kind;
    srv_guard_header(cls, name, name_size, value ? value : "", value_size);
    return MHD_YES;
}

/* A reply queued in the first call makes the library end the connection: where there is no body to
 * be left unread, it waits for the last call. */
static enum MHD_Result refuse(struct srv_request *request, const struct m2c_error *err)
{
    request->record.method = request->match.route ? request->match.route->method : "";
    request->record.error = *err;
    request->phase = SRV_REQUEST_DISCARD;
    if (!request->close)
        return MHD_YES;
    srv_request_fail(request, err, request->record.retry_after_ms);
    return srv_reply_queue(request);
}

/* Every reply names our span, but those of routes that are asked all the time. */
static void begin_trace(struct srv_request *request)
{
    const struct srv_route *route = request->match.route;
    char header[SRV_TRACEPARENT_BYTES];
    if (route && route->quiet)
        return;
    srv_trace_start(srv_request_header(request, "traceparent"), &request->record.trace);
    srv_trace_format(&request->record.trace, header);
    (void)srv_request_add_header(request, "traceparent", header);
}

/* The first call: headers are complete. */
static enum MHD_Result begin(struct srv_request *request, const char *method, const char *version)
{
    struct srv_guard guard;
    struct m2c_error err;
    srv_guard_init(&guard);
    (void)MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, on_header, &guard);
    srv_request_id_make(guard.request_id, request->id);
    request->http->active++;
    request->record.id = request->id;
    request->record.client = srv_request_client(request);
    request->start_ms = m2c_clock_ms();
    request->complete_ms = request->start_ms;
    enum m2c_status status = srv_intake(request, &guard, method, version, &err);
    begin_trace(request);
    if (status != M2C_OK)
        return refuse(request, &err);
    request->record.method = request->match.route->method;
    request->record.accepted = true;
    if (request->http->options.on_accept)
        request->http->options.on_accept(request->http->options.context);
    request->record.body_bytes = guard.content_length;
    request->phase = SRV_REQUEST_BODY;
    srv_peer_enter(request->peer, SRV_PEER_BODY);
    return MHD_YES;
}

bool srv_access_give_up_body(struct srv_request *request, const struct m2c_error *err)
{
    request->record.error = *err;
    request->close = true;
    request->phase = SRV_REQUEST_DISCARD;
    uint64_t left = request->upload.expected - request->upload.received;
    if (request->body_ended || (left <= SRV_DISCARD_BYTES && !request->upload.open_ended))
        return true;
    request->peer->linger = true;
    srv_request_write_by_hand(request, err);
    return false;
}

static enum MHD_Result take_body(struct srv_request *request, const char *data, size_t *size)
{
    struct m2c_error err;
    size_t taken = *size;
    if (request->store)
        return MHD_YES; /* of several chunks at hand the library offers the next though suspended */
    *size = 0;
    srv_peer_received(request->peer, taken);
    if (request->phase == SRV_REQUEST_DISCARD) {
        request->discarded += taken;
        return request->discarded <= SRV_DISCARD_BYTES ? MHD_YES : MHD_NO;
    }
    if (srv_upload_feed(&request->upload, data, taken, &err) != M2C_OK)
        return srv_access_give_up_body(request, &err) ? MHD_YES : MHD_NO;
    if (srv_upload_wants_store(&request->upload, false))
        srv_store_begin(request);
    return MHD_YES;
}

static void note_body_end(struct srv_request *request)
{
    request->body_ended = true;
    request->complete_ms = m2c_clock_ms();
    request->record.receive_ms = srv_request_receive_ms(request);
    request->record.body_bytes = request->upload.received;
    srv_peer_enter(request->peer, SRV_PEER_WORK);
}

/* The last call: the body is complete. It comes again after a last block was stored. */
static enum MHD_Result dispatch(struct srv_request *request)
{
    struct m2c_error err = request->record.error;
    enum m2c_status status = err.status;
    if (request->store)
        return MHD_YES;
    if (!request->body_ended)
        note_body_end(request);
    if (request->phase == SRV_REQUEST_BODY && srv_upload_wants_store(&request->upload, true)) {
        srv_store_begin(request);
        return MHD_YES;
    }
    if (request->phase == SRV_REQUEST_BODY && request->upload.expected > 0)
        status = srv_upload_finish(&request->upload, &err);
    if (status != M2C_OK) {
        srv_request_fail(request, &err, request->record.retry_after_ms);
        return srv_reply_queue(request);
    }
    request->phase = SRV_REQUEST_HANDLING;
    request->match.route->handle(request, request->http->options.context);
    if (request->phase == SRV_REQUEST_READY)
        return srv_reply_queue(request);
    if (!request->deferred_by_handler) {
        (void)m2c_fail(&err, M2C_INTERNAL, "the handler gave no answer");
        srv_request_fail(request, &err, -1);
        return srv_reply_queue(request);
    }
    request->phase = SRV_REQUEST_DEFERRED;
    srv_request_suspend(request);
    return MHD_YES;
}

enum MHD_Result srv_access(void *cls, struct MHD_Connection *connection, const char *url,
                           const char *method, const char *version, const char *upload_data,
                           size_t *upload_data_size, void **request_context)
{
    struct srv_http *http = cls;
    struct srv_request *request = *request_context;
    (void)url;
    http->progress = true;
    if (!request || http->stopping)
        return MHD_NO; /* no memory when its line came; or nothing may be suspended any more */
    request->connection = connection;
    switch (request->phase) {
    case SRV_REQUEST_LINE:
        return begin(request, method, version);
    case SRV_REQUEST_BODY:
    case SRV_REQUEST_DISCARD:
        return *upload_data_size > 0 ? take_body(request, upload_data, upload_data_size)
                                     : dispatch(request);
    case SRV_REQUEST_READY:
        return srv_reply_queue(request);
    case SRV_REQUEST_HANDLING:
    case SRV_REQUEST_DEFERRED:
    case SRV_REQUEST_QUEUED:
        return MHD_YES;
    case SRV_REQUEST_DEAD:
        break;
    }
    return MHD_NO;
}

static enum srv_outcome outcome_of(const struct srv_request *request,
                                   enum MHD_RequestTerminationCode code)
{
    enum m2c_status status = request->record.error.status;
    if (!request->left && (status == M2C_DEADLINE || status == M2C_BODY_TIMEOUT))
        return SRV_EXPIRED;
    bool sent = request->phase == SRV_REQUEST_QUEUED ? code == MHD_REQUEST_TERMINATED_COMPLETED_OK
                                                     : request->record.http_status != 0;
    return sent && !request->left ? SRV_ANSWERED : SRV_GONE;
}

void srv_access_completed(void *cls, struct MHD_Connection *connection, void **request_context,
                          enum MHD_RequestTerminationCode code)
{
    struct srv_http *http = cls;
    struct srv_request *request = *request_context;
    (void)connection;
    http->progress = true;
    *request_context = NULL;
    if (!request)
        return;
    if (request->on_gone)
        srv_request_gone(request);
    if (request->record.id) {
        request->record.quiet = request->match.route && request->match.route->quiet;
        http->active--;
        request->record.outcome = outcome_of(request, code);
        request->record.total_ms = m2c_clock_ms() - request->start_ms;
        request->record.route = request->match.route ? request->match.route->path : NULL;
        if (http->options.on_end)
            http->options.on_end(&request->record, http->options.context);
    }
    if (request->peer)
        srv_peer_enter(request->peer, SRV_PEER_IDLE);
    srv_request_free(request);
}
