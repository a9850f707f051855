/* Listening sockets. */
#ifndef SRV_HTTP_LISTENER_H
#define SRV_HTTP_LISTENER_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/* Opens a non-blocking listening socket on HOST:PORT or [V6]:PORT and writes the address it really
 * has into `bound`. The caller closes `*fd`. M2C_USAGE, field `listen`, for what does not parse;
 * M2C_IO_FAILED where the system refuses. Blocks on name look-up: call before serving. */
M2C_MUST_USE enum m2c_status srv_listener_open(const char *address, int *fd, char *bound,
                                               size_t bound_size, struct m2c_error *err);

/* Whether a bound socket can be reached from this machine alone. */
bool srv_listener_is_loopback(int fd);

#endif
