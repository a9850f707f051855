/* The bytes of one request body, or of one video in it: written once, then read by whoever decodes
 * them.
 *
 * Up to SRV_MEMORY_BODY_BYTES they go straight into a memfd. Longer ones go into a file without a
 * name: they are collected in one block of bounded size, which is written off the loop while the
 * connection rests. So a body is never in memory twice, and a long one hardly once. Both are mapped
 * for reading when complete; a memfd is sealed, so that nobody can change or shorten it any more.
 * The content's SHA-256 is computed on the way.
 *
 * Life: new, append (and store) ..., complete, (overwrite ...,) seal; then any thread may read.
 */
#ifndef SRV_HTTP_BODY_H
#define SRV_HTTP_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "model/digest.h"
#include "server/http/storage.h"
#include "status.h"

struct srv_body;

/* A new body with room for `capacity_bytes` (> 0), taken from the storage's budgets until it is
 * freed; the caller holds its one reference. The content is hashed iff `hashed`. M2C_QUEUE_FULL,
 * M2C_STORAGE as in storage.h. */
M2C_MUST_USE enum m2c_status srv_body_new(struct srv_storage *storage, size_t capacity_bytes,
                                          bool hashed, struct srv_body **out,
                                          struct m2c_error *err);

/* Another reference, or one less (accepts NULL). Any thread. */
struct srv_body *srv_body_ref(struct srv_body *body);
void srv_body_unref(struct srv_body *body);

/* Appends; more than the capacity is M2C_TOO_LARGE. At most SRV_SPOOL_SLACK_BYTES may be appended
 * while srv_body_wants_store. Loop thread. */
M2C_MUST_USE enum m2c_status srv_body_append(struct srv_body *body, const void *data, size_t size,
                                             struct m2c_error *err);

/* Whether a block is full, or (`at_end`) there is any, that waits to be written to the file. */
bool srv_body_wants_store(const struct srv_body *body, bool at_end);

/* Writes the block; blocks on the disk. Any thread, while nobody else touches the body.
 * M2C_STORAGE. */
M2C_MUST_USE enum m2c_status srv_body_store(struct srv_body *body, struct m2c_error *err);

/* All bytes are there: they can be read, and what was taken too much of the budgets is given back.
 * Stores a last block itself. */
M2C_MUST_USE enum m2c_status srv_body_complete(struct srv_body *body, struct m2c_error *err);

/* Writes over bytes of a complete body that is not sealed; readers of the range see the new ones.
 * Any thread, one at a time. */
M2C_MUST_USE enum m2c_status srv_body_overwrite(struct srv_body *body, size_t offset,
                                                const void *data, size_t size,
                                                struct m2c_error *err);

/* Nobody writes any more. */
M2C_MUST_USE enum m2c_status srv_body_seal(struct srv_body *body, struct m2c_error *err);

/* A part of a sealed body as a body of its own, with its known hash; holds the whole. */
M2C_MUST_USE enum m2c_status srv_body_slice(struct srv_body *whole, size_t offset, size_t size,
                                            const unsigned char digest[M2C_DIGEST_BYTES],
                                            struct srv_body **out, struct m2c_error *err);

/* The bytes of a complete body, borrowed from the reference. Any thread. */
const unsigned char *srv_body_data(const struct srv_body *body);
size_t srv_body_size(const struct srv_body *body);

/* The descriptor they can be read from, borrowed, and where they begin in it. */
int srv_body_fd(const struct srv_body *body);
size_t srv_body_fd_offset(const struct srv_body *body);

/* SHA-256 of all bytes in lower-case hex, of a complete body that is hashed. */
M2C_MUST_USE enum m2c_status srv_body_hash(const struct srv_body *body,
                                           char hex[M2C_DIGEST_HEX_BYTES], struct m2c_error *err);

#endif
