#include "http_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

int client_connect(const char *address)
{
    const char *colon = strrchr(address, ':');
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval limit = {.tv_sec = 5};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("connect");
        abort();
    }
    return fd;
}

size_t client_send(int fd, const void *bytes, size_t size)
{
    size_t sent = 0;
    while (sent < size) {
        ssize_t now = send(fd, (const char *)bytes + sent, size - sent, MSG_NOSIGNAL);
        if (now <= 0)
            break;
        sent += (size_t)now;
    }
    return sent;
}

static size_t wanted_size(const struct reply *reply)
{
    const char *end = strstr(reply->text, "\r\n\r\n");
    if (!end)
        return sizeof reply->text - 1;
    const char *length = strcasestr(reply->text, "\r\ncontent-length:");
    size_t head = (size_t)(end + 4 - reply->text);
    return length && length < end ? head + strtoul(length + 17, NULL, 10) : head;
}

void client_read(int fd, struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    while (reply->size < wanted_size(reply)) {
        ssize_t got = recv(fd, reply->text + reply->size, 1, 0);
        if (got <= 0)
            break;
        reply->size += (size_t)got;
    }
    if (reply->size > 12 && strncmp(reply->text, "HTTP/1.1 ", 9) == 0)
        reply->status = (int)strtol(reply->text + 9, NULL, 10);
}

void client_ask(const char *address, const char *request, struct reply *reply)
{
    int fd = client_connect(address);
    (void)client_send(fd, request, strlen(request));
    client_read(fd, reply);
    (void)close(fd);
}

int client_is_closed(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno == ECONNRESET);
}
