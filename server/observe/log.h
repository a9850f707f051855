/* The log: one JSON object a line on stderr.
 *
 * Lines are handed to a thread of the log's own over a bounded buffer, so that a slow or blocked
 * reader never stalls the loop: what does not fit, or can no longer be written since the reader has
 * gone, is dropped and counted; the next line that is taken tells how many there were since the
 * start, as `lines_dropped`. Any thread.
 */
#ifndef SRV_OBSERVE_LOG_H
#define SRV_OBSERVE_LOG_H

#include <stdbool.h>

#include "server/observe/record.h"
#include "status.h"

enum srv_log_level { SRV_LOG_ERROR, SRV_LOG_WARN, SRV_LOG_INFO, SRV_LOG_DEBUG };

/* "error", "warn", "info", "debug"; M2C_USAGE, field `log-level`, for anything else. */
M2C_MUST_USE enum m2c_status srv_log_level_parse(const char *name, enum srv_log_level *out,
                                                 struct m2c_error *err);

struct srv_log;

/* A new log of lines up to `level` on descriptor `fd` (borrowed); srv_log_free writes what is left,
 * for a second at most. */
M2C_MUST_USE enum m2c_status srv_log_new(int fd, enum srv_log_level level, struct srv_log **out,
                                         struct m2c_error *err);
void srv_log_free(struct srv_log **log);

/* Lines lost so far: those that found the buffer full, and those that could not be written. */
unsigned long long srv_log_dropped(struct srv_log *log);

/* {"time", "level", "event", key: value}; `key` may be NULL. */
void srv_log_event(struct srv_log *log, enum srv_log_level level, const char *event,
                   const char *key, const char *value);

/* The same for a failure: with the facts, those for the log alone included. */
void srv_log_error(struct srv_log *log, enum srv_log_level level, const char *event,
                   const struct m2c_error *error);

/* One line a request; those of quiet routes at debug level. */
void srv_log_request(struct srv_log *log, const struct srv_record *record);

#endif
