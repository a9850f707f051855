#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "runtime/clock.h"
#include "server/http/http_internal.h"

static void describe(struct srv_peer *peer, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || !info->client_addr)
        return;
    socklen_t size = info->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                              : sizeof(struct sockaddr_in);
    if (getnameinfo(info->client_addr, size, peer->address, sizeof peer->address, NULL, 0,
                    NI_NUMERICHOST) != 0)
        peer->address[0] = '\0';
}

static void peer_open(struct srv_http *http, struct MHD_Connection *connection,
                      void **socket_context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct srv_peer *peer = info ? calloc(1, sizeof *peer) : NULL;
    *socket_context = peer;
    if (!peer) {
        if (info)
            (void)shutdown(info->connect_fd, SHUT_RDWR);
        return;
    }
    peer->http = http;
    peer->fd = info->connect_fd;
    describe(peer, connection);
    peer->next = http->peers;
    if (peer->next)
        peer->next->previous = peer;
    http->peers = peer;
    srv_peer_enter(peer, SRV_PEER_HEADERS);
}

static void peer_close(struct srv_peer *peer)
{
    if (peer->linger)
        srv_linger_start(peer->http, peer->fd);
    if (peer->next)
        peer->next->previous = peer->previous;
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        peer->http->peers = peer->next;
    free(peer);
}

void srv_peer_notify(void *cls, struct MHD_Connection *connection, void **socket_context,
                     enum MHD_ConnectionNotificationCode code)
{
    struct srv_http *http = cls;
    http->progress = true;
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        peer_open(http, connection, socket_context);
    else if (*socket_context)
        peer_close(*socket_context);
}

void srv_peer_enter(struct srv_peer *peer, enum srv_peer_phase phase)
{
    peer->phase = phase;
    peer->resting = false;
    peer->phase_start_ms = m2c_clock_ms();
    peer->window_start_ms = peer->phase_start_ms;
    peer->window_bytes = 0;
}

void srv_peer_received(struct srv_peer *peer, uint64_t bytes)
{
    peer->window_bytes += bytes;
}

void srv_peer_rest(struct srv_peer *peer)
{
    peer->resting = true;
    peer->rest_start_ms = m2c_clock_ms();
}

void srv_peer_unrest(struct srv_peer *peer)
{
    double now_ms = m2c_clock_ms();
    if (!peer->resting)
        return;
    peer->resting = false;
    peer->phase_start_ms += now_ms - peer->rest_start_ms;
    peer->window_start_ms = now_ms;
    peer->window_bytes = 0;
}

/* Whether a body keeps neither the rate in the window that just ended nor the whole deadline. */
static bool body_expired(struct srv_peer *peer, double now_ms)
{
    const struct srv_http_times *times = &peer->http->options.times;
    if (peer->resting)
        return false;
    if (now_ms - peer->phase_start_ms >= times->body_deadline_ms)
        return true;
    double window_ms = now_ms - peer->window_start_ms;
    if (window_ms < SRV_BODY_WINDOW_MS)
        return false;
    bool slow = (double)peer->window_bytes * 1000.0 < (double)times->body_min_rate * window_ms;
    peer->window_start_ms = now_ms;
    peer->window_bytes = 0;
    return slow;
}

static bool peer_expired(struct srv_peer *peer, double now_ms)
{
    const struct srv_http_times *times = &peer->http->options.times;
    double spent_ms = now_ms - peer->phase_start_ms;
    switch (peer->phase) {
    case SRV_PEER_HEADERS:
        return spent_ms >= times->header_deadline_ms;
    case SRV_PEER_IDLE:
        return spent_ms >= times->keep_alive_ms;
    case SRV_PEER_BODY:
        return body_expired(peer, now_ms);
    case SRV_PEER_REPLY:
        /* Every block that a stream's reader takes starts the phase anew. */
        if (peer->request && peer->request->stream)
            return !peer->request->suspended && spent_ms >= times->reply_deadline_ms;
        return spent_ms >=
               times->reply_deadline_ms + (double)peer->reply_bytes * 1000.0 / SRV_REPLY_MIN_RATE;
    case SRV_PEER_WORK:
        break;
    }
    return false;
}

/* Says 408 where the reply's place on the wire is still free, and ends the connection. */
static void expire(struct srv_peer *peer)
{
    const struct srv_http_times *times = &peer->http->options.times;
    struct m2c_error err;
    if (peer->phase == SRV_PEER_BODY && peer->request) {
        (void)m2c_fail(&err, M2C_BODY_TIMEOUT,
                       "a body must bring %llu bytes a second and be there after %.0f s",
                       (unsigned long long)times->body_min_rate, times->body_deadline_ms / 1000.0);
        srv_request_write_by_hand(peer->request, &err);
    } else if (peer->phase == SRV_PEER_HEADERS && peer->request) {
        (void)m2c_fail(&err, M2C_BODY_TIMEOUT, "the headers took longer than %.0f ms",
                       times->header_deadline_ms);
        srv_request_write_by_hand(peer->request, &err);
    }
    (void)shutdown(peer->fd, SHUT_RDWR);
    srv_http_want_pump(peer->http);
    /* The library notices at its next step; nothing is expired twice. */
    srv_peer_enter(peer, SRV_PEER_WORK);
}

/* The library can miss an end of stream that rides with the last bytes it has read. */
static bool has_left(const struct srv_peer *peer)
{
    char byte;
    return (peer->phase == SRV_PEER_BODY || peer->phase == SRV_PEER_HEADERS) &&
           recv(peer->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

void srv_peers_expire(struct srv_http *http)
{
    double now_ms = m2c_clock_ms();
    for (struct srv_peer *peer = http->peers; peer; peer = peer->next)
        if (has_left(peer))
            (void)shutdown(peer->fd, SHUT_RDWR);
        else if (peer_expired(peer, now_ms))
            expire(peer);
}

void srv_peers_close_idle(struct srv_http *http)
{
    for (struct srv_peer *peer = http->peers; peer; peer = peer->next)
        if (!peer->request && (peer->phase == SRV_PEER_IDLE || peer->phase == SRV_PEER_HEADERS))
            (void)shutdown(peer->fd, SHUT_RDWR);
    srv_http_want_pump(http);
}
