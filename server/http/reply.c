#include "server/http/http_internal.h"

enum MHD_Result srv_reply_queue(struct srv_request *request)
{
    struct srv_peer *peer = request->peer;
    struct srv_response *response = &request->response;
    int http_status = response->http_status;
    response->close |= request->close || request->http->quiesced ||
                       peer->requests >= SRV_REQUESTS_PER_CONNECTION ||
                       srv_storage_is_tight(request->http->storage);
    request->record.http_status = http_status;
    request->record.reply_bytes = response->size;
    peer->reply_bytes = response->size;
    struct MHD_Response *reply = request->stream
                                     ? srv_stream_build(request)
                                     : srv_response_build(response, request->id, &request->headers);
    if (!reply)
        return MHD_NO;
    enum MHD_Result queued = MHD_queue_response(request->connection, (unsigned)http_status, reply);
    MHD_destroy_response(reply);
    request->phase = SRV_REQUEST_QUEUED;
    srv_peer_enter(peer, SRV_PEER_REPLY);
    return queued;
}
