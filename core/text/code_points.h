/* A growing row of Unicode code points: what the clean-up's steps read and write.
 *
 * Growing can fail; then `failed` is set, the row stays as it was, and later pushes do nothing, so
 * that a step pushes freely and its caller looks once.
 */
#ifndef M2C_TEXT_CODE_POINTS_H
#define M2C_TEXT_CODE_POINTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct m2c_code_points {
    int32_t *data;
    size_t count;
    size_t capacity;
    bool failed;
};

/* Frees the row and zeroes the struct; safe on a zeroed one. */
void m2c_code_points_free(struct m2c_code_points *points);

/* Makes room for `capacity` code points in all. */
void m2c_code_points_reserve(struct m2c_code_points *points, size_t capacity);

void m2c_code_points_push(struct m2c_code_points *points, int32_t point);

/* Appends `count` code points of `data`, which is not inside `points`. */
void m2c_code_points_append(struct m2c_code_points *points, const int32_t *data, size_t count);

/* Replaces the row by the `bytes` bytes of UTF-8 at `text`; M2C_INVALID_REQUEST where they are not
 * (overlong forms and surrogates included), with the offset. */
M2C_MUST_USE enum m2c_status m2c_code_points_decode(struct m2c_code_points *points,
                                                    const char *text, size_t bytes,
                                                    struct m2c_error *err);

/* Writes `point` as UTF-8 into `bytes` and returns how many bytes that are, 1..4. */
size_t m2c_code_point_encode(int32_t point, uint8_t bytes[4]);

static inline void m2c_code_points_swap(struct m2c_code_points *a, struct m2c_code_points *b)
{
    struct m2c_code_points kept = *a;
    *a = *b;
    *b = kept;
}

#endif
