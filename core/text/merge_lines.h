/* Merges as lines "left right". */
#ifndef M2C_TEXT_MERGE_LINES_H
#define M2C_TEXT_MERGE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

struct m2c_merge_line {
    const char *left, *right; /* borrowed from the bytes, not NUL-terminated */
    size_t left_bytes, right_bytes;
};

struct m2c_merge_lines {
    const char *at, *end;
    size_t line; /* of `at`, counted from 1 */
};

/* Begins at `bytes` [size], borrowed; blank lines at the end do not count. */
void m2c_merge_lines_start(struct m2c_merge_lines *lines, const char *bytes, size_t size);

/* Leaves the line at the reader's place unread. */
void m2c_merge_lines_pass(struct m2c_merge_lines *lines);

bool m2c_merge_lines_left(const struct m2c_merge_lines *lines);

/* Reads one line; M2C_BAD_MODEL with its number when it is not two parts with one space between. */
M2C_MUST_USE enum m2c_status m2c_merge_lines_next(struct m2c_merge_lines *lines,
                                                  struct m2c_merge_line *line,
                                                  struct m2c_error *err);

/* Splits "left right" [size]; false when it is not two parts with one space between. */
bool m2c_merge_line_split(const char *text, size_t size, struct m2c_merge_line *line);

#endif
