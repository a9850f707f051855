#include <stdlib.h>
#include <unistd.h>

#include "server/http/http_internal.h"

/* The library does not look at a suspended connection: a copy of its descriptor is watched for the
 * client's leaving instead (a half-close counts as leaving). */
struct srv_disconnect_watch {
    uv_poll_t poll;
    int fd;
    struct srv_request *request;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_disconnect(uv_poll_t *poll, int status, int events)
{
    struct srv_disconnect_watch *watch = poll->data;
    if (status < 0 || (events & UV_DISCONNECT))
        srv_request_gone(watch->request);
}

struct srv_disconnect_watch *srv_disconnect_watch_new(struct srv_request *request, int fd)
{
    struct srv_disconnect_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->request = request;
    watch->fd = dup(fd);
    if (watch->fd < 0 || uv_poll_init(request->http->loop, &watch->poll, watch->fd) != 0) {
        if (watch->fd >= 0)
            (void)close(watch->fd);
        free(watch);
        return NULL;
    }
    watch->poll.data = watch;
    if (uv_poll_start(&watch->poll, UV_DISCONNECT, on_disconnect) != 0)
        srv_disconnect_watch_free(&watch);
    return watch;
}

void srv_disconnect_watch_free(struct srv_disconnect_watch **watch)
{
    if (!*watch)
        return;
    uv_close((uv_handle_t *)&(*watch)->poll, on_closed);
    (void)close((*watch)->fd);
    *watch = NULL;
}
