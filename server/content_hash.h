/* SHA-256 of a video's bytes, in pieces: names its content wherever it came from. */
#ifndef SRV_CONTENT_HASH_H
#define SRV_CONTENT_HASH_H

#include <stddef.h>

#include "status.h"

enum { SRV_CONTENT_HASH_HEX = 65 }; /* 64 digits and NUL */

struct srv_content_hash;

/* A new, empty hash; finish or free ends it. One thread at a time. */
M2C_MUST_USE enum m2c_status srv_content_hash_new(struct srv_content_hash **out,
                                                  struct m2c_error *err);
M2C_MUST_USE enum m2c_status srv_content_hash_update(struct srv_content_hash *hash,
                                                     const void *data, size_t size,
                                                     struct m2c_error *err);

/* Writes lower-case hex, frees the hash and nulls the pointer (also on failure). */
M2C_MUST_USE enum m2c_status srv_content_hash_finish(struct srv_content_hash **hash,
                                                     char hex[SRV_CONTENT_HASH_HEX],
                                                     struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void srv_content_hash_free(struct srv_content_hash **hash);

/* The same for bytes that lie in memory already. Any thread. */
M2C_MUST_USE enum m2c_status srv_content_hash_of(const void *data, size_t size,
                                                 char hex[SRV_CONTENT_HASH_HEX],
                                                 struct m2c_error *err);

#endif
