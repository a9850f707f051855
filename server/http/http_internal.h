/* What the files of this room share: the server, its connections, its requests. */
#ifndef SRV_HTTP_HTTP_INTERNAL_H
#define SRV_HTTP_HTTP_INTERNAL_H

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

#include "server/http/http_server.h"
#include "server/http/request.h"
#include "server/http/request_target.h"
#include "server/http/tls.h"
#include "server/http/upload.h"
#include "server/limits.h"

/* What a connection is waiting for; each phase has its own deadline (the wheel). */
enum srv_peer_phase {
    SRV_PEER_HEADERS, /* the client sends a request's head */
    SRV_PEER_IDLE,    /* kept alive between two requests */
    SRV_PEER_BODY,    /* the client sends a body */
    SRV_PEER_WORK,    /* we compute: the job has its own deadline */
    SRV_PEER_REPLY,   /* the client reads */
};

struct srv_peer {
    struct srv_http *http;
    struct srv_peer *next, *previous;
    int fd; /* the library's: shut down at most, never closed */
    enum srv_peer_phase phase;
    double phase_start_ms, window_start_ms;
    uint64_t window_bytes, reply_bytes;
    unsigned requests;
    bool linger;  /* a reply went out while the client may still be sending */
    bool resting; /* in mid-body: its bytes are being written, which is not the client's delay */
    double rest_start_ms;
    struct srv_request *request;
    char address[64];
};

enum srv_request_phase {
    SRV_REQUEST_LINE,     /* only the target is known */
    SRV_REQUEST_BODY,     /* bytes arrive */
    SRV_REQUEST_DISCARD,  /* bytes arrive after a failure: read and dropped, within a bound */
    SRV_REQUEST_HANDLING, /* the handler runs */
    SRV_REQUEST_DEFERRED, /* suspended */
    SRV_REQUEST_READY,    /* a reply waits to be queued */
    SRV_REQUEST_QUEUED,   /* the library has the reply */
    SRV_REQUEST_DEAD,     /* the client has gone, or its end was written by hand */
};

struct srv_disconnect_watch;
struct srv_guard;
struct srv_store;

struct srv_request {
    struct srv_http *http;
    struct srv_request *next, *previous; /* all requests of the server */
    struct srv_peer *peer;
    struct MHD_Connection *connection; /* known from the first handler call on */
    enum srv_request_phase phase;

    char id[SRV_REQUEST_ID_MAX + 1];
    char *target_text;
    struct srv_target target;
    struct srv_match match;
    char allow[64];
    char client[SRV_CLIENT_NAME_MAX + 1]; /* "": the peer's address */
    struct srv_upload upload;
    uint64_t discarded;
    struct srv_store *store; /* a block of the body is being written off the loop */
    bool body_ended;         /* its last byte has arrived */

    struct srv_response response;
    struct srv_stream *stream;      /* the reply, where it is one; held */
    struct srv_header_list headers; /* of whatever the reply is */
    void *reservation;              /* NULL: none */
    void (*release)(void *reservation, bool succeeded);
    bool close; /* the connection must end with this request */
    bool left;  /* the client went before the end */
    bool suspended;
    bool deferred_by_handler;
    void (*on_gone)(void *argument);
    void *on_gone_argument;
    struct srv_disconnect_watch *watch; /* while suspended */

    double start_ms, complete_ms;
    struct srv_record record;
};

struct srv_http {
    uv_loop_t *loop;
    struct srv_http_options options;
    struct srv_storage *storage; /* held */
    struct srv_tls tls;
    struct MHD_Daemon *daemon;
    char address[128];
    bool on_loopback;
    uv_poll_t poll;
    uv_timer_t timer, wheel;
    uv_prepare_t prepare;
    uv_check_t check;
    bool pump_wanted, pumping, progress, quiesced;
    bool stopping; /* from here on nothing may be suspended any more */
    unsigned zero_timeouts;
    struct srv_peer *peers;
    struct srv_request *requests;
    struct srv_linger *lingers;
    unsigned lingering;
    size_t active;
    int open_handles;
    void (*on_closed)(void *argument);
    void *on_closed_argument;
};

/* http_server.c: runs the library before the loop next waits. */
void srv_http_want_pump(struct srv_http *http);

/* peer.c */
void srv_peer_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                     enum MHD_ConnectionNotificationCode code);
void srv_peer_enter(struct srv_peer *peer, enum srv_peer_phase phase);
void srv_peer_received(struct srv_peer *peer, uint64_t bytes);
/* Stops the clocks of a body while it is not the client's turn, and starts them again. */
void srv_peer_rest(struct srv_peer *peer);
void srv_peer_unrest(struct srv_peer *peer);
/* Closes what has overstayed; called once a second. */
void srv_peers_expire(struct srv_http *http);
/* Shuts connections down that wait between two requests. */
void srv_peers_close_idle(struct srv_http *http);

/* access.c: the library's callbacks. */
void *srv_access_uri(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result srv_access(void *cls, struct MHD_Connection *connection, const char *url,
                           const char *method, const char *version, const char *upload_data,
                           size_t *upload_data_size, void **request_context);
void srv_access_completed(void *cls, struct MHD_Connection *connection, void **request_context,
                          enum MHD_RequestTerminationCode code);

/* request.c */
struct srv_request *srv_request_new(struct srv_http *http, const char *target);
void srv_request_free(struct srv_request *request);
void srv_request_gone(struct srv_request *request);
/* Takes the connection from the library, watching for the client's leaving, and gives it back. */
void srv_request_suspend(struct srv_request *request);
void srv_request_resume(struct srv_request *request);
/* Writes the reply by hand where the library cannot be given one any more, best effort, and not
 * under TLS; the connection must be ended by the caller. */
void srv_request_write_by_hand(struct srv_request *request, const struct m2c_error *error);

/* stream.c: the library's form of a streamed reply, or NULL. */
struct MHD_Response *srv_stream_build(struct srv_request *request);
/* The request is over: nobody writes any more. Accepts NULL, nulls the pointer. */
void srv_stream_release(struct srv_stream **stream);

/* store.c: suspends the connection, writes the body's block off the loop, and resumes. A failure
 * ends the upload as it would in mid-body. */
void srv_store_begin(struct srv_request *request);
/* The request is over: what is being written is for nobody. */
void srv_store_abandon(struct srv_request *request);

/* access.c: a failure in mid-body. No reply can be queued before the body's end: true where what is
 * left is little and will be read and dropped; else the reply was written by hand, and the
 * connection must end. */
bool srv_access_give_up_body(struct srv_request *request, const struct m2c_error *err);

/* reply.c: hands the reply to the library. */
enum MHD_Result srv_reply_queue(struct srv_request *request);

/* intake.c: what is decided once the headers are complete. */
enum m2c_status srv_intake(struct srv_request *request, struct srv_guard *guard, const char *method,
                           const char *version, struct m2c_error *err);

/* disconnect_watch.c */
struct srv_disconnect_watch *srv_disconnect_watch_new(struct srv_request *request, int fd);
void srv_disconnect_watch_free(struct srv_disconnect_watch **watch);

/* linger.c: goes on reading from a copy of `fd` for a while, so that a reply sent before the end of
 * the body reaches a client that is still sending. */
void srv_linger_start(struct srv_http *http, int fd);
void srv_linger_end_all(struct srv_http *http);

#endif
