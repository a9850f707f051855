/* The least that libmicrohttpd under libuv can do: a constant reply, with the flags that the server
 * uses. `./dev load healthz` compares the server's /healthz with it.
 *
 * Prints `listening on http://127.0.0.1:PORT`; ends on SIGTERM or SIGINT. */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

enum { BACKLOG = 512, CONNECTIONS = 1000, MEMORY = 32 * 1024, IDLE_S = 100 };

struct hello {
    uv_loop_t loop;
    uv_poll_t poll;
    uv_timer_t timer;
    uv_signal_t terminate, interrupt;
    struct MHD_Daemon *daemon;
    struct MHD_Response *response;
};

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    static char seen;
    const struct hello *hello = context;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    (void)size;
    /* A reply queued in the first call, at the headers, would cost the connection. */
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    return MHD_queue_response(connection, MHD_HTTP_OK, hello->response);
}

static void pump(struct hello *hello);

static void on_timer(uv_timer_t *timer)
{
    pump(timer->data);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    pump(poll->data);
}

static void pump(struct hello *hello)
{
    MHD_UNSIGNED_LONG_LONG timeout_ms = 0;
    (void)MHD_run(hello->daemon);
    if (MHD_get_timeout(hello->daemon, &timeout_ms) == MHD_YES)
        (void)uv_timer_start(&hello->timer, on_timer, timeout_ms, 0);
    else
        (void)uv_timer_stop(&hello->timer);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct hello *hello = handle->data;
    (void)number;
    uv_close((uv_handle_t *)&hello->poll, NULL);
    uv_close((uv_handle_t *)&hello->timer, NULL);
    uv_close((uv_handle_t *)&hello->terminate, NULL);
    uv_close((uv_handle_t *)&hello->interrupt, NULL);
}

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 &&
        (bind(fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
         listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0)) {
        (void)close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static struct MHD_Daemon *start_daemon(struct hello *hello, int fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, answer, hello,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_END);
}

static int start_loop(struct hello *hello)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(hello->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info || uv_loop_init(&hello->loop) != 0)
        return -1;
    hello->poll.data = hello->timer.data = hello->terminate.data = hello->interrupt.data = hello;
    if (uv_poll_init(&hello->loop, &hello->poll, info->epoll_fd) != 0 ||
        uv_timer_init(&hello->loop, &hello->timer) != 0 ||
        uv_signal_init(&hello->loop, &hello->terminate) != 0 ||
        uv_signal_init(&hello->loop, &hello->interrupt) != 0 ||
        uv_signal_start(&hello->terminate, on_signal, SIGTERM) != 0 ||
        uv_signal_start(&hello->interrupt, on_signal, SIGINT) != 0)
        return -1;
    return uv_poll_start(&hello->poll, UV_READABLE, on_ready);
}

int main(void)
{
    static char text[] = "{\"status\": \"ok\"}";
    static struct hello hello;
    int port = 0;
    (void)signal(SIGPIPE, SIG_IGN);
    int fd = listen_on_loopback(&port);
    if (fd < 0)
        return 1;
    hello.response = MHD_create_response_from_buffer(sizeof text - 1, text, MHD_RESPMEM_PERSISTENT);
    if (!hello.response ||
        MHD_add_response_header(hello.response, "Content-Type", "application/json") != MHD_YES)
        return 1;
    hello.daemon = start_daemon(&hello, fd);
    if (!hello.daemon || start_loop(&hello) != 0)
        return 1;
    (void)printf("listening on http://127.0.0.1:%d\n", port);
    (void)fflush(stdout);
    pump(&hello);
    (void)uv_run(&hello.loop, UV_RUN_DEFAULT);
    MHD_stop_daemon(hello.daemon);
    MHD_destroy_response(hello.response);
    return uv_loop_close(&hello.loop) == 0 ? 0 : 1;
}
