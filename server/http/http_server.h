/* An HTTP/1.1 listener on a libuv loop: libmicrohttpd in external epoll mode.
 *
 * The loop polls the library's epoll descriptor; every step of the library (pump) runs on the loop
 * thread, as does every handler. One server is one listening socket; several may share a loop and a
 * router. Life: start, quiesce (no new connections), stop, closed.
 */
#ifndef SRV_HTTP_HTTP_SERVER_H
#define SRV_HTTP_HTTP_SERVER_H

#include <stdint.h>
#include <uv.h>

#include "server/http/router.h"
#include "server/http/storage.h"
#include "server/observe/record.h"
#include "status.h"

struct srv_http;

/* How long a connection may take for each part of a request. */
struct srv_http_times {
    double header_deadline_ms; /* from the connection, or the request line, to complete headers */
    double body_deadline_ms;   /* for a whole body */
    double keep_alive_ms;      /* between two requests */
    double reply_deadline_ms; /* to take a reply, plus its size at SRV_REPLY_MIN_RATE; of a streamed
                                 reply: to take the next block of what waits */
    uint64_t body_min_rate;   /* bytes a second, after the first SRV_BODY_WINDOW_MS */
};

struct srv_http_options {
    const char *address;                   /* HOST:PORT, [V6]:PORT; port 0 picks a free one */
    const char *tls_certificate, *tls_key; /* PEM files, read at the start; NULL: plain HTTP */
    enum srv_listener listener;
    struct srv_router router;
    void *context;      /* handed to gate, admit and handle */
    bool allow_chunked; /* bodies of unknown length, which take room for the longest */
    uint64_t max_body_bytes;
    uint64_t max_json_bytes;       /* of JSON that may bring a video */
    uint64_t max_plain_json_bytes; /* of other JSON: SRV_JSON_PLAIN */
    uint64_t max_label_set_bytes;  /* SRV_JSON_LABEL_SET */
    struct srv_storage *storage;   /* for bodies; the server takes a reference of its own */
    struct srv_http_times times;
    unsigned max_connections;
    unsigned max_connections_per_address; /* 0: no bound */

    /* Asked when the headers are complete and a route is found, before the body and `admit`:
     * whether this client may ask for it. It may name the client, add headers to the reply and set
     * the record's retry_after_ms. May be NULL: all may. */
    enum m2c_status (*gate)(struct srv_request *request, void *context, struct m2c_error *err);

    /* Once a request is accepted, on the loop thread; its end follows. May be NULL. */
    void (*on_accept)(void *context);
    /* At the end of every request, on the loop thread; may be NULL. */
    void (*on_end)(const struct srv_record *record, void *context);
    /* A line of the library's own, for the log; may be NULL. */
    void (*on_library_message)(const char *message, void *context);
};

/* Binds, listens and serves from the loop's next turn on. New server; srv_http_stop ends it.
 * M2C_USAGE for an address that does not parse or files that TLS cannot use, M2C_IO_FAILED where it
 * cannot be bound. */
M2C_MUST_USE enum m2c_status srv_http_start(uv_loop_t *loop, const struct srv_http_options *options,
                                            struct srv_http **out, struct m2c_error *err);

/* "127.0.0.1:8080": the address that is listened on, its real port included. */
const char *srv_http_address(const struct srv_http *http);

/* "https" or "http". */
const char *srv_http_scheme(const struct srv_http *http);

/* Requests whose headers are complete and whose reply is not out yet. */
size_t srv_http_active(const struct srv_http *http);

/* What is open now. */
struct srv_http_counts {
    size_t connections, streams; /* replies of unknown length among the requests */
};

struct srv_http_counts srv_http_counts(const struct srv_http *http);

/* Closes the listening socket and idle connections; what runs goes on, and every reply from here
 * on closes its connection. Repeating it does nothing. */
void srv_http_quiesce(struct srv_http *http);

/* Ends everything: deferred requests are told `on_gone`, all connections are closed, and once the
 * loop has closed the handles `on_closed` (may be NULL) is called and the server is gone. Not from
 * within a handler. */
void srv_http_stop(struct srv_http *http, void (*on_closed)(void *argument), void *argument);

#endif
