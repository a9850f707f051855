/* Query strings, decoded by ourselves: libraries stop at the first NUL. */
#ifndef PROTO_QUERY_H
#define PROTO_QUERY_H

#include <stddef.h>

#include "status.h"

/* Decodes %XX, and plus as a space, in place of `text` [length]: returns the new length in
 * `decoded`. A bad escape or %00 is M2C_INVALID_REQUEST. `text` gets no NUL. Any thread. */
M2C_MUST_USE enum m2c_status proto_percent_decode(char *text, size_t length, size_t *decoded,
                                                  struct m2c_error *err);

/* Called for each `name=value`, both decoded and NUL-terminated, borrowed for the call. */
typedef enum m2c_status (*proto_query_pair)(void *argument, const char *name, const char *value,
                                            size_t value_length, struct m2c_error *err);

/* Walks `a=b&c=d` (no question mark; empty pieces are skipped, `a` is `a=`). Stops at the first
 * failure. An empty name is M2C_INVALID_REQUEST. Any thread. */
M2C_MUST_USE enum m2c_status proto_query_walk(const char *query, size_t length,
                                              proto_query_pair pair, void *argument,
                                              struct m2c_error *err);

#endif
