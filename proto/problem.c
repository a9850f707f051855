#include "proto/problem.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define TYPE_PREFIX "urn:m2clip:problem:"

/* Everything whose wire code is `internal` says nothing of its cause. */
static bool is_internal(enum m2c_status status)
{
    return strcmp(m2c_status_code(status), m2c_status_code(M2C_INTERNAL)) == 0;
}

int proto_problem_http(const struct m2c_error *error)
{
    return m2c_status_http(is_internal(error->status) ? M2C_INTERNAL : error->status);
}

void proto_problem_write(struct proto_writer *writer, const struct m2c_error *error,
                         const char *request_id, long long retry_after_ms)
{
    bool internal = is_internal(error->status);
    enum m2c_status status = internal ? M2C_INTERNAL : error->status;
    const char *code = m2c_status_code(status);
    char type[96];
    (void)snprintf(type, sizeof type, TYPE_PREFIX "%s", code);
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "type");
    proto_writer_string(writer, type);
    proto_writer_key(writer, "title");
    proto_writer_string(writer, m2c_status_title(status));
    proto_writer_key(writer, "status");
    proto_writer_integer(writer, m2c_status_http(status));
    proto_writer_key(writer, "code");
    proto_writer_string(writer, code);
    proto_writer_key(writer, "detail");
    proto_writer_string(writer, internal ? "the cause is in the log under this request's id"
                                         : error->detail);
    proto_writer_key(writer, "request_id");
    proto_writer_string(writer, request_id);
    proto_writer_key(writer, "field");
    proto_writer_string(writer, internal || !error->field[0] ? NULL : error->field);
    if (retry_after_ms >= 0) {
        proto_writer_key(writer, "retry_after_ms");
        proto_writer_integer(writer, retry_after_ms);
    }
    proto_writer_object_end(writer);
}
