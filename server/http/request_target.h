/* A request target "/path?query": split, and its path decoded only where every reader along the way
 * would decode it alike. Pure; any thread. */
#ifndef SRV_HTTP_REQUEST_TARGET_H
#define SRV_HTTP_REQUEST_TARGET_H

#include <stddef.h>

#include "status.h"

struct srv_target {
    char *path;        /* decoded, inside the caller's buffer */
    const char *query; /* raw, without the question mark; "" if none; inside the buffer */
    size_t query_size;
};

/* Splits and decodes `buffer` in place (the struct borrows it). M2C_INVALID_REQUEST for bytes
 * outside printable ASCII, an empty segment in front of another (`//`), a dot segment, a broken
 * escape, or one that hides a control character, a slash, a backslash or a dot segment. */
M2C_MUST_USE enum m2c_status srv_target_parse(char *buffer, struct srv_target *out,
                                              struct m2c_error *err);

#endif
