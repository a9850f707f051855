#ifndef M2C_KERNELS_VECTOR_SUM_H
#define M2C_KERNELS_VECTOR_SUM_H

#include "kernels/vector/lanes.h"

static void add_rows(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++) {
        float *to = y + row * ldy;
        const float *from = x + row * ldx;
        size_t i = 0;
        for (; i + LANES <= width; i += LANES)
            vec_store(to + i, vec_load(to + i) + vec_load(from + i));
        if (i < width) {
            size_t n = width - i;
            vec_store_part(to + i, vec_load_part(to + i, n) + vec_load_part(from + i, n), n);
        }
    }
}

static float dot(const float *a, const float *b, size_t count)
{
    vec sum[4] = {vec_set(0.0F), vec_set(0.0F), vec_set(0.0F), vec_set(0.0F)};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (size_t k = 0; k < 4; k++)
            sum[k] = vec_fma(vec_load(a + i + k * LANES), vec_load(b + i + k * LANES), sum[k]);
    for (; i < count; i += LANES) {
        size_t n = lanes_of(count - i);
        sum[0] = vec_fma(vec_load_part(a + i, n), vec_load_part(b + i, n), sum[0]);
    }
    return vec_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

#endif
