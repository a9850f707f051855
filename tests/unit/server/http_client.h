/* A client that says exactly what it is told: raw bytes to a port on loopback, and what came back.
 */
#ifndef TEST_HTTP_CLIENT_H
#define TEST_HTTP_CLIENT_H

#include <stddef.h>

struct reply {
    int status;       /* 0: the connection ended without one */
    char text[65536]; /* everything that came, headers included */
    size_t size;
};

/* A connection to "127.0.0.1:PORT"; reading gives up after five seconds. */
int client_connect(const char *address);

/* Sends all bytes; returns how many went before the peer closed. */
size_t client_send(int fd, const void *bytes, size_t size);

/* Reads one reply, body included by its Content-Length. */
void client_read(int fd, struct reply *reply);

/* Connects, sends, reads one reply, closes. */
void client_ask(const char *address, const char *request, struct reply *reply);

/* Whether the peer has closed the connection (waits up to five seconds). */
int client_is_closed(int fd);

#endif
