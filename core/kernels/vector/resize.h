#ifndef M2C_KERNELS_VECTOR_RESIZE_H
#define M2C_KERNELS_VECTOR_RESIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/vector/lanes.h"

/* The taps of LANES outputs from `index` on: four vectors with those of LANES / 4 outputs in each.
 * But at the borders, where indices are clamped, taps are neighbours and come by one load each. */
static inline void tap_quads(vec taps[4], const float *x, const int32_t *index)
{
    bool neighbours = true;
    for (size_t k = 0; k < 4; k++)
        neighbours = vec_quads_rise(index + k * LANES) && neighbours;
    if (neighbours)
        for (size_t k = 0; k < 4; k++)
            taps[k] = vec_load_quads(x, index + k * LANES);
    else
        for (size_t k = 0; k < 4; k++)
            taps[k] = vec_gather(x, index + k * LANES);
}

static void resize_row(float *y, const float *x, const int32_t *index, const float *weight,
                       size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec product[4];
        tap_quads(product, x, index + 4 * i);
        for (size_t k = 0; k < 4; k++)
            product[k] *= vec_load(weight + 4 * i + k * LANES);
        vec_store(y + i, vec_sum_quads(product));
    }
    for (; i < count; i++) {
        const int32_t *at = index + 4 * i;
        const float *by = weight + 4 * i;
        y[i] = by[0] * x[at[0]] + by[1] * x[at[1]] + by[2] * x[at[2]] + by[3] * x[at[3]];
    }
}

static inline vec column_lanes(const float *const rows[4], const vec weight[4], size_t i, size_t n)
{
    vec sum = weight[0] * vec_load_lanes(rows[0] + i, n);
    for (size_t k = 1; k < 4; k++)
        sum = vec_fma(weight[k], vec_load_lanes(rows[k] + i, n), sum);
    return sum;
}

static void resize_column(float *y, const float *const rows[4], const float weight[4], size_t count)
{
    const vec by[4] = {vec_set(weight[0]), vec_set(weight[1]), vec_set(weight[2]),
                       vec_set(weight[3])};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vec_store(y + i, column_lanes(rows, by, i, LANES));
    if (i < count)
        vec_store_part(y + i, column_lanes(rows, by, i, count - i), count - i);
}

#endif
