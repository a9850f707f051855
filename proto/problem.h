/* RFC 9457 problems: what a client may know about a failure. */
#ifndef PROTO_PROBLEM_H
#define PROTO_PROBLEM_H

#include "proto/json_writer.h"
#include "status.h"

#define PROTO_PROBLEM_CONTENT_TYPE "application/problem+json"

/* Writes {type, title, status, code, detail, request_id, field, retry_after_ms}. `field` is null
 * where the error names none; `retry_after_ms` is left out where negative. Statuses that a client
 * does not know (a bad model, input/output, memory, cancelled, usage) and `internal` come with a
 * constant detail and no field; `context` is never written. */
void proto_problem_write(struct proto_writer *writer, const struct m2c_error *error,
                         const char *request_id, long long retry_after_ms);

/* The HTTP status that goes with it. */
int proto_problem_http(const struct m2c_error *error);

#endif
