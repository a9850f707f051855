#include "server/http/listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/limits.h"

enum { MAX_HOST = 254, MAX_PORT_TEXT = 6, MAX_PORT = 65535 };

static enum m2c_status split(const char *address, char *host, char *port, struct m2c_error *err)
{
    const char *colon = strrchr(address, ':');
    const char *begin = address, *end = colon;
    if (colon && address[0] == '[' && colon > address && colon[-1] == ']') {
        begin = address + 1;
        end = colon - 1;
    }
    size_t port_size = colon ? strlen(colon + 1) : 0;
    bool digits = colon && strspn(colon + 1, "0123456789") == port_size;
    if (!digits || port_size == 0 || port_size >= MAX_PORT_TEXT ||
        strtol(colon + 1, NULL, 10) > MAX_PORT || end == begin || end - begin >= MAX_HOST ||
        (begin == address && memchr(begin, ':', (size_t)(end - begin))))
        return m2c_fail_field(err, M2C_USAGE, "listen", "%s is not HOST:PORT", address);
    memcpy(host, begin, (size_t)(end - begin));
    host[end - begin] = '\0';
    memcpy(port, colon + 1, port_size + 1);
    return M2C_OK;
}

static enum m2c_status describe(int fd, char *bound, size_t bound_size, struct m2c_error *err)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    char host[MAX_HOST], port[MAX_PORT_TEXT];
    if (getsockname(fd, (struct sockaddr *)&address, &size) != 0)
        return m2c_fail_errno(err, "getsockname", NULL);
    if (getnameinfo((struct sockaddr *)&address, size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return m2c_fail(err, M2C_IO_FAILED, "the address listened on has no name");
    (void)snprintf(bound, bound_size, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
                   port);
    return M2C_OK;
}

static enum m2c_status listen_on(const struct addrinfo *where, const char *address, int *fd,
                                 struct m2c_error *err)
{
    int one = 1;
    int opened = socket(where->ai_family, where->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                        where->ai_protocol);
    if (opened < 0)
        return m2c_fail_errno(err, "socket", address);
    if (setsockopt(opened, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(opened, where->ai_addr, where->ai_addrlen) != 0 ||
        listen(opened, SRV_LISTEN_BACKLOG) != 0) {
        (void)m2c_fail_errno(err, "listening", address);
        (void)close(opened);
        return err->status;
    }
    *fd = opened;
    return M2C_OK;
}

enum m2c_status srv_listener_open(const char *address, int *fd, char *bound, size_t bound_size,
                                  struct m2c_error *err)
{
    char host[MAX_HOST], port[MAX_PORT_TEXT];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    enum m2c_status status = split(address, host, port, err);
    if (status != M2C_OK)
        return status;
    int problem = getaddrinfo(host, port, &hints, &found);
    if (problem != 0) {
        (void)m2c_fail_field(err, M2C_USAGE, "listen", "%s is no address of this machine", address);
        return m2c_error_context(err, "%s", gai_strerror(problem));
    }
    status = listen_on(found, address, fd, err);
    freeaddrinfo(found);
    if (status == M2C_OK)
        status = describe(*fd, bound, bound_size, err);
    if (status != M2C_OK && *fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
    return status;
}

bool srv_listener_is_loopback(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage room;
    } address = {.any = {0}};
    socklen_t size = sizeof address;
    if (getsockname(fd, &address.any, &size) != 0)
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    return address.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr);
}
