/* RFC 4648 base64, strictly: what a JSON member `video` carries. */
#ifndef PROTO_BASE64_H
#define PROTO_BASE64_H

#include <stddef.h>

#include "status.h"

/* The exact size that `text` decodes to: padding required, no white space. M2C_INVALID_REQUEST with
 * `field` where length or padding are impossible. Any thread. */
M2C_MUST_USE enum m2c_status proto_base64_size(const char *text, size_t length, const char *field,
                                               size_t *size, struct m2c_error *err);

/* Decodes into `out`, which has room for proto_base64_size. A character outside the alphabet or
 * padding bits that are not zero: M2C_INVALID_REQUEST with `field`. Any thread. */
M2C_MUST_USE enum m2c_status proto_base64_decode(const char *text, size_t length, const char *field,
                                                 unsigned char *out, struct m2c_error *err);

#endif
