/* RFC 4648 base64, strictly: what a JSON member `video` carries. Padding is required, there is no
 * white space, bits that are left over are zero. Of JSON's escapes `\/` alone is known, which some
 * writers put for each slash. Any thread. */
#ifndef PROTO_BASE64_H
#define PROTO_BASE64_H

#include <stddef.h>

#include "status.h"

/* A base64 text within another one. */
struct proto_base64_span {
    size_t offset, length; /* bytes of the text around it */
    size_t escapes;        /* backslashes in it, each of which spells one character with two */
};

/* The exact size that the span of `text` decodes to. M2C_INVALID_REQUEST with `field` where length
 * or padding are impossible. */
M2C_MUST_USE enum m2c_status proto_base64_size(const char *text,
                                               const struct proto_base64_span *span,
                                               const char *field, size_t *size,
                                               struct m2c_error *err);

/* A span being decoded, piece by piece. Bytes read are never read again, so that what is decoded
 * may go where the text stood. */
struct proto_base64_reader {
    const char *text; /* borrowed, as is the field */
    size_t begin, at, end;
    const char *field;
};

void proto_base64_start(struct proto_base64_reader *reader, const char *text,
                        const struct proto_base64_span *span, const char *field);

/* Decodes the next bytes into `out` [room], room >= 3; *size = 0 at the end. A character outside
 * the alphabet, an escape but `\/`, or bits left over: M2C_INVALID_REQUEST with the field. */
M2C_MUST_USE enum m2c_status proto_base64_next(struct proto_base64_reader *reader,
                                               unsigned char *out, size_t room, size_t *size,
                                               struct m2c_error *err);

#endif
