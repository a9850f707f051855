/* JSON bodies from strangers: size cap, depth scan, then jansson at its strictest. */
#ifndef PROTO_JSON_BODY_H
#define PROTO_JSON_BODY_H

#include <jansson.h>
#include <stddef.h>

#include "proto/json_lift.h"
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

/* The same for what is left of a body whose videos were lifted out; offsets are the body's. */
M2C_MUST_USE enum m2c_status proto_json_parse_lifted(const struct proto_json_lift *lift,
                                                     json_t **out, struct m2c_error *err);

#endif
