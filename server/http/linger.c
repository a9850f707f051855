#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/http/http_internal.h"

/* One connection that is being read to nowhere. */
struct srv_linger {
    struct srv_http *http;
    struct srv_linger *next, *previous;
    uv_poll_t poll;
    uv_timer_t timer;
    int fd, open_handles;
    size_t read_bytes;
};

static void on_handle_closed(uv_handle_t *handle)
{
    struct srv_linger *linger = handle->data;
    if (--linger->open_handles == 0)
        free(linger);
}

static void end(struct srv_linger *linger)
{
    if (linger->next)
        linger->next->previous = linger->previous;
    if (linger->previous)
        linger->previous->next = linger->next;
    else
        linger->http->lingers = linger->next;
    linger->http->lingering--;
    uv_close((uv_handle_t *)&linger->poll, on_handle_closed);
    uv_close((uv_handle_t *)&linger->timer, on_handle_closed);
    (void)close(linger->fd);
}

static void on_timer(uv_timer_t *timer)
{
    end(timer->data);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct srv_linger *linger = poll->data;
    char sink[8192];
    (void)events;
    ssize_t got = status == 0 ? recv(linger->fd, sink, sizeof sink, MSG_DONTWAIT) : 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    linger->read_bytes += got > 0 ? (size_t)got : 0;
    if (got <= 0 || linger->read_bytes >= SRV_LINGER_BYTES)
        end(linger);
}

static struct srv_linger *linger_new(struct srv_http *http, int fd)
{
    struct srv_linger *linger = calloc(1, sizeof *linger);
    if (!linger)
        return NULL;
    linger->http = http;
    linger->fd = dup(fd);
    if (linger->fd >= 0 && uv_poll_init(http->loop, &linger->poll, linger->fd) == 0)
        return linger;
    if (linger->fd >= 0)
        (void)close(linger->fd);
    free(linger);
    return NULL;
}

void srv_linger_start(struct srv_http *http, int fd)
{
    struct srv_linger *linger = http->lingering < SRV_MAX_LINGERING ? linger_new(http, fd) : NULL;
    if (!linger)
        return;
    linger->open_handles = 2;
    linger->poll.data = linger;
    linger->timer.data = linger;
    linger->next = http->lingers;
    if (linger->next)
        linger->next->previous = linger;
    http->lingers = linger;
    http->lingering++;
    (void)uv_timer_init(http->loop, &linger->timer);
    if (uv_poll_start(&linger->poll, UV_READABLE, on_readable) != 0 ||
        uv_timer_start(&linger->timer, on_timer, SRV_LINGER_MS, 0) != 0)
        end(linger);
}

void srv_linger_end_all(struct srv_http *http)
{
    while (http->lingers)
        end(http->lingers);
}
