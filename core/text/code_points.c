#include "text/code_points.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "runtime/checked.h"

void m2c_code_points_free(struct m2c_code_points *points)
{
    free(points->data);
    memset(points, 0, sizeof *points);
}

void m2c_code_points_reserve(struct m2c_code_points *points, size_t capacity)
{
    size_t bytes;
    if (points->failed || capacity <= points->capacity)
        return;
    if (!m2c_checked_multiply(capacity, sizeof *points->data, &bytes)) {
        points->failed = true;
        return;
    }
    int32_t *data = realloc(points->data, bytes);
    if (data == NULL) {
        points->failed = true;
        return;
    }
    points->data = data;
    points->capacity = capacity;
}

void m2c_code_points_push(struct m2c_code_points *points, int32_t point)
{
    if (points->count == points->capacity)
        m2c_code_points_reserve(points, points->capacity < 32 ? 64 : points->capacity * 2);
    if (!points->failed)
        points->data[points->count++] = point;
}

void m2c_code_points_append(struct m2c_code_points *points, const int32_t *data, size_t count)
{
    size_t needed;
    if (count == 0)
        return;
    if (!m2c_checked_add(points->count, count, &needed)) {
        points->failed = true;
        return;
    }
    if (needed > points->capacity)
        m2c_code_points_reserve(points,
                                needed < points->capacity * 2 ? points->capacity * 2 : needed);
    if (points->failed)
        return;
    memcpy(points->data + points->count, data, count * sizeof *data);
    points->count = needed;
}

enum m2c_status m2c_code_points_decode(struct m2c_code_points *points, const char *text,
                                       size_t bytes, struct m2c_error *err)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    points->count = 0;
    m2c_code_points_reserve(points, bytes);
    for (size_t i = 0; i < bytes && !points->failed;) {
        utf8proc_int32_t point = at[i];
        utf8proc_ssize_t taken = 1;
        if (point >= 0x80)
            taken = utf8proc_iterate(at + i, (utf8proc_ssize_t)(bytes - i), &point);
        if (taken <= 0)
            return m2c_fail(err, M2C_INVALID_REQUEST, "the text is not valid UTF-8 at byte %zu", i);
        m2c_code_points_push(points, point);
        i += (size_t)taken;
    }
    return points->failed ? m2c_fail_memory(err, "a text", bytes) : M2C_OK;
}

size_t m2c_code_point_encode(int32_t point, uint8_t bytes[4])
{
    return (size_t)utf8proc_encode_char(point, bytes);
}
