/* Content-Type (RFC 9110, 8.3): what the forms of a body are told apart by. Pure; any thread. */
#ifndef SRV_HTTP_MEDIA_TYPE_H
#define SRV_HTTP_MEDIA_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "server/limits.h"
#include "status.h"

enum srv_media_kind {
    SRV_MEDIA_NONE, /* no Content-Type */
    SRV_MEDIA_RAW,  /* video/..., application/octet-stream */
    SRV_MEDIA_FORM, /* multipart/form-data */
    SRV_MEDIA_JSON, /* application/json in UTF-8 */
    SRV_MEDIA_OTHER,
};

struct srv_media_type {
    enum srv_media_kind kind;
    char boundary[SRV_BOUNDARY_MAX + 1]; /* of a form */
};

/* Reads a header value (NULL: absent). M2C_UNSUPPORTED_MEDIA_TYPE where the value does not parse or
 * JSON comes in another charset than UTF-8; M2C_INVALID_REQUEST for a form's missing, repeated or
 * impossible boundary. */
M2C_MUST_USE enum m2c_status srv_media_type_parse(const char *value, struct srv_media_type *out,
                                                  struct m2c_error *err);

#endif
