/* Takes the base64 of videos out of a JSON text without parsing it.
 *
 * A body of 32 MiB is one long string and a few options. The string values of members named `video`
 * are found where they stand, and what is left for the JSON parser is a short text in which each is
 * replaced by its number ("0", "1", ...). Nothing of the long strings is copied; what is not JSON
 * passes, and fails in the parser. Pure; any thread.
 */
#ifndef PROTO_JSON_LIFT_H
#define PROTO_JSON_LIFT_H

#include <stddef.h>

#include "proto/base64.h"
#include "status.h"

struct proto_json_lift {
    const char *source;              /* borrowed */
    const char *text;                /* what is left: `source` itself where nothing was lifted */
    size_t size;                     /* of it */
    struct proto_base64_span *spans; /* [count], owned: in `source` */
    size_t count;
    char *owned;
};

/* More than `max_plain_bytes` left: M2C_TOO_LARGE; more than `max_videos` strings:
 * M2C_INVALID_REQUEST, field `inputs`. Destroy in any case. */
M2C_MUST_USE enum m2c_status proto_json_lift(const char *source, size_t size,
                                             size_t max_plain_bytes, size_t max_videos,
                                             struct proto_json_lift *out, struct m2c_error *err);
void proto_json_lift_destroy(struct proto_json_lift *lift);

/* Where a byte of what is left stood in the source. */
size_t proto_json_lift_origin(const struct proto_json_lift *lift, size_t position);

#endif
