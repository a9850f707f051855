#ifndef M2C_KERNELS_VECTOR_SOFTMAX_H
#define M2C_KERNELS_VECTOR_SOFTMAX_H

#include "kernels/vector/exponential.h"

static inline float greatest_of(const float *x, size_t width)
{
    const vec least = vec_set(-INFINITY);
    vec greatest[4] = {least, least, least, least};
    size_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES)
        for (size_t k = 0; k < 4; k++)
            greatest[k] = vec_max(greatest[k], vec_load(x + i + k * LANES));
    for (; i < width; i += LANES) {
        size_t n = lanes_of(width - i);
        greatest[0] = vec_max(greatest[0], vec_keep(vec_load_part(x + i, n), n, least));
    }
    return vec_greatest(
        vec_max(vec_max(greatest[0], greatest[1]), vec_max(greatest[2], greatest[3])));
}

/* x <- exp(factor * (x - greatest)); returns the sum. */
static inline float exponentiate(float *x, size_t width, float greatest,
                                 const struct exponential *e)
{
    const vec origin = vec_set(greatest);
    const vec zero = vec_set(0.0F);
    vec sum = zero;
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) {
        vec weight = vec_exp(e, vec_load(x + i) - origin);
        vec_store(x + i, weight);
        sum += weight;
    }
    if (i < width) {
        vec weight = vec_exp(e, vec_load_part(x + i, width - i) - origin);
        vec_store_part(x + i, weight, width - i);
        sum += vec_keep(weight, width - i, zero);
    }
    return vec_sum(sum);
}

static inline void softmax(float *x, size_t ldx, size_t rows, size_t width, float scale)
{
    const struct exponential e = exponential_of((double)scale);
    for (size_t row = 0; row < rows; row++) {
        float *to = x + row * ldx;
        float sum = exponentiate(to, width, greatest_of(to, width), &e);
        const vec share = vec_set(1.0F / sum);
        size_t i = 0;
        for (; i + LANES <= width; i += LANES)
            vec_store(to + i, vec_load(to + i) * share);
        if (i < width)
            vec_store_part(to + i, vec_load_part(to + i, width - i) * share, width - i);
    }
}

#endif
