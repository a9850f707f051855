/* multipart/form-data (RFC 7578) as a stream: bytes in, in pieces of any size, parts out.
 *
 * Strict where readers differ: lines end in CRLF, the body starts with the delimiter (line
 * ends may stand before it), file names are never looked at, parts are not nested. What follows the
 * closing delimiter is ignored. Memory is bounded and the work is linear in the bytes. One thread.
 */
#ifndef SRV_HTTP_MULTIPART_H
#define SRV_HTTP_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "server/limits.h"
#include "status.h"

/* Each returns M2C_OK or fills `err` and so ends the parse. */
struct srv_multipart_sink {
    void *argument;
    enum m2c_status (*part_begin)(void *argument, const char *name, struct m2c_error *err);
    enum m2c_status (*part_data)(void *argument, const char *data, size_t size,
                                 struct m2c_error *err);
    enum m2c_status (*part_end)(void *argument, struct m2c_error *err);
};

struct srv_multipart {
    struct srv_multipart_sink sink;
    int state;
    char delimiter[SRV_BOUNDARY_MAX + 5]; /* CRLF "--" boundary */
    size_t delimiter_size;
    size_t matched; /* bytes of the delimiter that the stream's end matches */
    char header[SRV_PART_HEADER_BYTES];
    size_t header_size;
};

/* Starts a parse; `boundary` is copied. */
void srv_multipart_init(struct srv_multipart *parser, const char *boundary,
                        const struct srv_multipart_sink *sink);

/* The next bytes. M2C_INVALID_REQUEST for what is no form, or the sink's own error. */
M2C_MUST_USE enum m2c_status srv_multipart_feed(struct srv_multipart *parser, const char *data,
                                                size_t size, struct m2c_error *err);

/* The body has ended: M2C_INVALID_REQUEST unless the closing delimiter was seen. */
M2C_MUST_USE enum m2c_status srv_multipart_finish(const struct srv_multipart *parser,
                                                  struct m2c_error *err);

#endif
