/* The bytes of one request body: written once by the loop, then read by whoever decodes them.
 *
 * The length is known before the first byte (chunked bodies are refused), so the room is mapped
 * once, pages are touched only as bytes arrive, and nothing is copied on growth. The content's
 * SHA-256 is computed on the way, while the bytes are in cache. A later issue puts a sealed memfd
 * behind this header.
 */
#ifndef SRV_HTTP_BODY_H
#define SRV_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "model/digest.h"
#include "status.h"

struct srv_body;

/* A new body with room for `capacity_bytes` (> 0); the caller holds its one reference. The content
 * is hashed iff `hashed`. */
M2C_MUST_USE enum m2c_status srv_body_new(size_t capacity_bytes, bool hashed, struct srv_body **out,
                                          struct m2c_error *err);

/* Another reference, or one less (accepts NULL). Any thread. */
struct srv_body *srv_body_ref(struct srv_body *body);
void srv_body_unref(struct srv_body *body);

/* Appends; more than the capacity is M2C_TOO_LARGE. Loop thread, before anybody reads. */
M2C_MUST_USE enum m2c_status srv_body_append(struct srv_body *body, const void *data, size_t size,
                                             struct m2c_error *err);

/* The bytes so far, borrowed from the reference. Any thread once appending has ended. */
const unsigned char *srv_body_data(const struct srv_body *body);
size_t srv_body_size(const struct srv_body *body);

/* SHA-256 of all bytes in lower-case hex. Call once, after the last append. */
M2C_MUST_USE enum m2c_status srv_body_hash(struct srv_body *body, char hex[M2C_DIGEST_HEX_BYTES],
                                           struct m2c_error *err);

#endif
