/* The fields of a multipart form beside its video. Loop thread. */
#ifndef SRV_HTTP_FORM_H
#define SRV_HTTP_FORM_H

#include <stddef.h>

#include "server/limits.h"
#include "status.h"

struct srv_field {
    char name[SRV_FIELD_NAME_MAX + 1];
    char *value; /* any bytes; not terminated */
    size_t size, capacity;
};

/* Zeroed is empty; destroy frees. */
struct srv_form {
    struct srv_field *fields; /* in the order they came */
    size_t count, capacity;
    size_t total_bytes;
};

/* Opens a field; one too many is M2C_INVALID_REQUEST. */
M2C_MUST_USE enum m2c_status srv_form_open(struct srv_form *form, const char *name,
                                           struct m2c_error *err);

/* Appends to the field opened last; all fields together exceeding SRV_MAX_FORM_BYTES are
 * M2C_TOO_LARGE with the field's name. */
M2C_MUST_USE enum m2c_status srv_form_append(struct srv_form *form, const char *data, size_t size,
                                             struct m2c_error *err);
void srv_form_destroy(struct srv_form *form);

#endif
