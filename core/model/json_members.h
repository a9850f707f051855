/* Typed, range-checked members of a JSON object in a model folder.
 *
 * A reader keeps the first failure: members are read one after the other and the status is looked
 * at once. A member that is absent or null leaves its destination (the default) alone. Any thread.
 */
#ifndef M2C_MODEL_JSON_MEMBERS_H
#define M2C_MODEL_JSON_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "status.h"

/* Parses a strict JSON object (no duplicate members). `file` names the source in errors. New
 * reference. */
M2C_MUST_USE enum m2c_status m2c_members_parse(const char *file, const char *bytes, size_t size,
                                               json_t **out, struct m2c_error *err);

struct m2c_members {
    const json_t *object;
    const char *file; /* "config.json": for errors */
    struct m2c_error *err;
    enum m2c_status status; /* M2C_OK until the first failure */
};

/* The member, borrowed; NULL when absent or null. */
const json_t *m2c_members_get(const struct m2c_members *reader, const char *key);

/* An integer low..high (2.0, "2" and true are none). True when the member was there and good. */
bool m2c_members_int(struct m2c_members *reader, const char *key, int low, int high, int *out);

/* The same; absence is a failure too. */
void m2c_members_require_int(struct m2c_members *reader, const char *key, int low, int high,
                             int *out);

/* A number low..high. */
bool m2c_members_float(struct m2c_members *reader, const char *key, double low, double high,
                       float *out);

/* A text, borrowed from the object. */
bool m2c_members_text(struct m2c_members *reader, const char *key, const char **out);

/* Exactly three numbers low..high each. */
bool m2c_members_float3(struct m2c_members *reader, const char *key, double low, double high,
                        float out[3]);

/* Records a failure of our own at a member, unless one is recorded already. */
void m2c_members_fail(struct m2c_members *reader, const char *key, const char *what);

#endif
