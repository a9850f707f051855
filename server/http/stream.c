#include "server/http/stream.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "server/http/http_internal.h"

/* Held by the request and by the library's reply, each of which may end first. */
struct srv_stream {
    struct srv_request *request; /* NULL once it is over */
    unsigned holds;
    char *bytes; /* [capacity]: taken | waiting | free */
    size_t capacity, begin, end;
    bool ended, broken;
};

static void release(struct srv_stream *stream)
{
    if (--stream->holds > 0)
        return;
    free(stream->bytes);
    free(stream);
}

void srv_stream_release(struct srv_stream **stream)
{
    if (!*stream)
        return;
    (*stream)->request = NULL;
    release(*stream);
    *stream = NULL;
}

struct srv_stream *srv_request_stream(struct srv_request *request, int http_status,
                                      const char *content_type)
{
    struct srv_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->request = request;
    stream->holds = 1;
    request->stream = stream;
    request->response = srv_response_new(http_status, content_type);
    request->phase = SRV_REQUEST_READY;
    srv_request_resume(request);
    return stream;
}

/* Makes room for `size` bytes after those that wait. */
static bool reserve(struct srv_stream *stream, size_t size)
{
    size_t waiting = stream->end - stream->begin, needed;
    if (stream->capacity - stream->end >= size)
        return true;
    if (waiting > 0)
        memmove(stream->bytes, stream->bytes + stream->begin, waiting);
    stream->begin = 0;
    stream->end = waiting;
    if (stream->capacity - waiting >= size)
        return true;
    if (!m2c_checked_add(waiting, size, &needed) || !m2c_checked_multiply(needed, 2, &needed))
        return false;
    char *bytes = realloc(stream->bytes, needed);
    if (!bytes)
        return false;
    stream->bytes = bytes;
    stream->capacity = needed;
    return true;
}

/* Something for the library to do: it asks again once the connection is its own. */
static void wake(struct srv_stream *stream)
{
    struct srv_request *request = stream->request;
    if (request->phase != SRV_REQUEST_QUEUED || !request->suspended)
        return;
    srv_peer_enter(request->peer, SRV_PEER_REPLY);
    srv_request_resume(request);
}

bool srv_stream_write(struct srv_stream *stream, const void *bytes, size_t size)
{
    if (size == 0)
        return true;
    stream->broken |= !reserve(stream, size);
    if (!stream->broken) {
        memcpy(stream->bytes + stream->end, bytes, size);
        stream->end += size;
    }
    wake(stream);
    return !stream->broken;
}

size_t srv_stream_waiting_bytes(const struct srv_stream *stream)
{
    return stream->end - stream->begin;
}

void srv_stream_end(struct srv_stream *stream)
{
    stream->ended = true;
    stream->request->on_gone = NULL;
    wake(stream);
}

/* The library wants the next bytes: those that wait, or the connection rests until there are some.
 */
static ssize_t next_bytes(void *cls, uint64_t position, char *out, size_t size)
{
    struct srv_stream *stream = cls;
    struct srv_request *request = stream->request;
    size_t waiting = srv_stream_waiting_bytes(stream);
    (void)position;
    if (!request || request->left || stream->broken)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (waiting == 0 && stream->ended)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (waiting == 0) {
        if (request->http->stopping)
            return MHD_CONTENT_READER_END_WITH_ERROR;
        srv_request_suspend(request);
        return 0;
    }
    size_t taken = waiting < size ? waiting : size;
    memcpy(out, stream->bytes + stream->begin, taken);
    stream->begin += taken;
    request->record.reply_bytes += taken;
    request->http->progress = true;
    srv_peer_enter(request->peer, SRV_PEER_REPLY);
    return (ssize_t)taken;
}

static void reply_freed(void *cls)
{
    release(cls);
}

struct MHD_Response *srv_stream_build(struct srv_request *request)
{
    struct srv_stream *stream = request->stream;
    struct MHD_Response *reply = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, SRV_STREAM_BLOCK_BYTES, next_bytes, stream, reply_freed);
    if (!reply)
        return NULL;
    stream->holds++;
    if (srv_response_dress(reply, &request->response, request->id, &request->headers))
        return reply;
    MHD_destroy_response(reply);
    return NULL;
}
