/* The first-call guard: decides from a request's line and headers whether its framing is one that
 * every reader along the way understands alike (RFC 9112), before anything of its body is read.
 *
 * libmicrohttpd 0.9.75 lets through what smuggles requests: Content-Length beside
 * Transfer-Encoding, repeated or signed lengths, spaces before colons, folded header names. The
 * guard is strict, pure and allocates nothing: feed it every header, then settle.
 */
#ifndef SRV_HTTP_HEADER_GUARD_H
#define SRV_HTTP_HEADER_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct srv_guard {
    size_t header_bytes;
    unsigned headers, hosts, lengths, encodings, expects;
    bool bad_name, misspelt_framing, bad_value, bad_length, huge_length, encoding_is_chunked;
    bool coded_content, bad_expect;

    /* What the rest of the server reads, borrowed from the caller's headers; NULL when absent. */
    const char *content_type, *request_id, *traceparent, *accept;
    uint64_t content_length; /* 0 without the header */
    bool repeated_content_type;
};

void srv_guard_init(struct srv_guard *guard);

/* One header as it arrived: `name` [name_size], `value` [value_size] terminated by NUL. */
void srv_guard_header(struct srv_guard *guard, const char *name, size_t name_size,
                      const char *value, size_t value_size);

struct srv_guard_line {
    const char *method, *target, *version; /* as they arrived */
    uint64_t max_body_bytes;
    bool allow_chunked; /* else 411 for a body that does not state its length */
};

/* Whether the body comes in chunks. */
bool srv_guard_is_chunked(const struct srv_guard *guard);

/* The verdict. M2C_OK, or the refusal; after one the connection must be closed, since the end of
 * the request may not be where we think it is. */
M2C_MUST_USE enum m2c_status srv_guard_settle(const struct srv_guard *guard,
                                              const struct srv_guard_line *line,
                                              struct m2c_error *err);

#endif
