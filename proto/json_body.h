/* JSON bodies from strangers: size cap, depth scan, then jansson at its strictest. */
#ifndef PROTO_JSON_BODY_H
#define PROTO_JSON_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "status.h"

enum { PROTO_JSON_MAX_DEPTH = 16 };

/* Seeds jansson's hash tables. Call once at program start, before threads. */
void proto_json_start(void);

/* Parses a body that must be one JSON object, no deeper than PROTO_JSON_MAX_DEPTH, without
 * duplicate keys or NUL characters. New reference in `out`; json_decref frees it. More than
 * `max_bytes`: M2C_TOO_LARGE before any parsing; everything else M2C_INVALID_REQUEST whose detail
 * names the byte offset, never the library's text. Any thread. */
M2C_MUST_USE enum m2c_status proto_json_parse(const char *bytes, size_t size, size_t max_bytes,
                                              json_t **out, struct m2c_error *err);

/* The exact size that `text` decodes to by RFC 4648's base64: padding required, no white space.
 * M2C_INVALID_REQUEST with `field` where the length or the padding is impossible. */
M2C_MUST_USE enum m2c_status proto_base64_size(const char *text, size_t length, const char *field,
                                               size_t *size, struct m2c_error *err);

/* Decodes into `out`, which has room for proto_base64_size. A character outside the alphabet or
 * padding bits that are not zero: M2C_INVALID_REQUEST with `field`. */
M2C_MUST_USE enum m2c_status proto_base64_decode(const char *text, size_t length, const char *field,
                                                 unsigned char *out, struct m2c_error *err);

#endif
