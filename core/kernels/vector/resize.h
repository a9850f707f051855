#ifndef M2C_KERNELS_VECTOR_RESIZE_H
#define M2C_KERNELS_VECTOR_RESIZE_H

#include <stdint.h>

#include "kernels/vector/lanes.h"

/* LANES outputs: four vectors of products, LANES / 4 outputs with their four taps in each. */
static void resize_row(float *y, const float *x, const int32_t *index, const float *weight,
                       size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        vec product[4];
        for (size_t k = 0; k < 4; k++) {
            size_t at = 4 * i + k * LANES;
            product[k] = vec_load(weight + at) * vec_gather(x, index + at);
        }
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
