/* A reply of unknown length, written as its parts are made (Server-Sent Events, NDJSON).
 *
 * It begins in place of srv_request_respond and ends by srv_stream_end, or with the client: then
 * the `on_gone` given to srv_request_defer is called. After either the pointer is dead. While
 * nothing waits to be sent the connection is suspended and costs nothing; while bytes wait, a
 * reader that takes none of them within the reply deadline is cut off. Loop thread.
 */
#ifndef SRV_HTTP_STREAM_H
#define SRV_HTTP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

struct srv_request;
struct srv_stream;

/* Begins the reply; `content_type` is static storage. NULL without memory: then the request is
 * still to be answered, by an error. Lent by the request. */
struct srv_stream *srv_request_stream(struct srv_request *request, int http_status,
                                      const char *content_type);

/* Appends a copy of the bytes. False without memory: the reply is then broken off, since what
 * follows would not make sense to its reader, and `on_gone` comes. */
bool srv_stream_write(struct srv_stream *stream, const void *bytes, size_t size);

/* What was written and not yet handed to the socket. */
size_t srv_stream_waiting_bytes(const struct srv_stream *stream);

/* Ends the reply once all bytes are out; the handler's part is over. */
void srv_stream_end(struct srv_stream *stream);

#endif
