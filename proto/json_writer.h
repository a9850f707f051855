/* Writes JSON text straight into a growing buffer: members in the order they are written, numbers
 * independent of the locale, no tree in between.
 *
 * A failed allocation sticks: later calls do nothing and take answers M2C_NO_MEMORY. Commas are the
 * writer's business; balance of begin and end is the caller's. One thread.
 */
#ifndef PROTO_JSON_WRITER_H
#define PROTO_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct proto_writer {
    char *text;
    size_t length, capacity;
    bool comma; /* the next value follows another one */
    bool failed;
};

/* Zeroed is ready too. */
void proto_writer_init(struct proto_writer *writer);
void proto_writer_destroy(struct proto_writer *writer);

void proto_writer_object_begin(struct proto_writer *writer);
void proto_writer_object_end(struct proto_writer *writer);
void proto_writer_array_begin(struct proto_writer *writer);
void proto_writer_array_end(struct proto_writer *writer);

/* The name of the next member; a constant of ours, written as it is. */
void proto_writer_key(struct proto_writer *writer, const char *key);

/* NULL is written as null; bytes that are not UTF-8 as U+FFFD. */
void proto_writer_string(struct proto_writer *writer, const char *text);
void proto_writer_bool(struct proto_writer *writer, bool value);
void proto_writer_null(struct proto_writer *writer);
void proto_writer_integer(struct proto_writer *writer, int64_t value);

/* A whole member. */
void proto_writer_member_string(struct proto_writer *writer, const char *key, const char *text);
void proto_writer_member_integer(struct proto_writer *writer, const char *key, int64_t value);

/* A number to `digits` significant ones (1..15), trailing zeros left out, always with a fraction or
 * an exponent ("433.0", "1.2e-20"); not finite is null. Nine digits carry a float exactly. */
void proto_writer_number(struct proto_writer *writer, double value, int digits);

/* A number rounded to `decimals` (0..9) digits after the point: times and durations. */
void proto_writer_fixed(struct proto_writer *writer, double value, int decimals);

/* A raw line break between documents (JSON lines). */
void proto_writer_newline(struct proto_writer *writer);

/* Text as it is, between documents: the frame of an event. */
void proto_writer_raw(struct proto_writer *writer, const char *text);

/* Hands the text over (new, NUL-terminated, free by the caller) and empties the writer. */
M2C_MUST_USE enum m2c_status proto_writer_take(struct proto_writer *writer, char **text,
                                               size_t *length, struct m2c_error *err);

#endif
