/* Rows of x to the words of a group, in the lanes of vector/lanes.h (see packed_tile.h). */
#ifndef M2C_KERNELS_PACKED_CONVERT_H
#define M2C_KERNELS_PACKED_CONVERT_H

#include <math.h>
#include <string.h>

#include "kernels/packed_kernel.h"
#include "kernels/vector/lanes.h"

ALWAYS_INLINE vec packed_load_element(const void *x, size_t i, const bool is_bf16)
{
    return is_bf16 ? vec_load_bf16((const uint16_t *)x + i) : vec_load((const float *)x + i);
}

/* 64 bytes of words from the numbers at x + i. */
typedef void (*packed_convert)(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                               vec inverse);

ALWAYS_INLINE void packed_convert_row(unsigned char *to, const void *x, size_t in,
                                      const size_t chunk_values, const bool is_bf16, float inverse,
                                      packed_convert convert)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const vec inverses = vec_set(inverse);
    size_t i = 0;
    for (; i + chunk_values <= in;
         i += chunk_values, to += M2C_PACKED_ROWS * M2C_PACKED_CHUNK_BYTES)
        convert(to, x, i, is_bf16, inverses);
    if (i < in) {
        float last[M2C_PACKED_CHUNK_VALUES_MAX] = {0};
        memcpy(last, (const unsigned char *)x + i * size, (in - i) * size);
        convert(to, last, 0, is_bf16, inverses);
    }
}

/* The greatest magnitude, by comparing bits, in which infinity and then NaN are above all else. */
ALWAYS_INLINE float packed_greatest(const void *x, size_t in, const bool is_bf16)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    vec greatest[4] = {vec_set(0.0F), vec_set(0.0F), vec_set(0.0F), vec_set(0.0F)};
    size_t i = 0;
    for (; i + 4 * LANES <= in; i += 4 * LANES)
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(
                greatest[v], vec_abs(packed_load_element(x, i + v * LANES, is_bf16)));
    if (i < in) {
        float last[4 * LANES] = {0};
        memcpy(last, (const unsigned char *)x + i * size, (in - i) * size);
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(greatest[v],
                                            vec_abs(packed_load_element(last, v * LANES, is_bf16)));
    }
    greatest[0] = vec_greatest_bits(vec_greatest_bits(greatest[0], greatest[1]),
                                    vec_greatest_bits(greatest[2], greatest[3]));
    return vec_most_bits(greatest[0]);
}

/* An INT8 row's scale from its greatest magnitude, and what it is multiplied by. */
static inline float packed_row_scale(float greatest, float *inverse)
{
    const float most = (float)M2C_PACKED_INT8_MOST;
    bool is_zero = !isfinite(greatest) || greatest < M2C_PACKED_INT8_LEAST;
    *inverse = is_zero ? 0.0F : most / greatest;
    return !isfinite(greatest) ? NAN : is_zero ? 0.0F : greatest / most;
}

/* A row's greatest magnitude is found while the row before is converted: its last steps wait for
 * one another. */
ALWAYS_INLINE void packed_convert_as(const struct m2c_packed_rows *rows, const size_t chunk_values,
                                     const bool is_int8, const bool is_bf16, packed_convert convert)
{
    const unsigned char *x = rows->x;
    unsigned char *to = rows->to;
    float greatest = is_int8 ? packed_greatest(x, rows->in, is_bf16) : 0.0F;
    for (size_t r = 0; r < rows->rows; r++, to += M2C_PACKED_CHUNK_BYTES) {
        const unsigned char *next = x + rows->ldx_bytes;
        float inverse = 1.0F;
        if (is_int8) {
            rows->scale[r] = packed_row_scale(greatest, &inverse);
            if (r + 1 < rows->rows)
                greatest = packed_greatest(next, rows->in, is_bf16);
        }
        packed_convert_row(to, x, rows->in, chunk_values, is_bf16, inverse, convert);
        x = next;
    }
}

ALWAYS_INLINE void packed_convert_rows(const struct m2c_packed_rows *rows,
                                       const size_t chunk_values, const bool is_int8,
                                       packed_convert convert)
{
    if (rows->element == M2C_PACKED_ELEMENT_BF16)
        packed_convert_as(rows, chunk_values, is_int8, true, convert);
    else
        packed_convert_as(rows, chunk_values, is_int8, false, convert);
}

#endif
