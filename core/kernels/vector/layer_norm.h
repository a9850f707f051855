#ifndef M2C_KERNELS_VECTOR_LAYER_NORM_H
#define M2C_KERNELS_VECTOR_LAYER_NORM_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels/vector/lanes.h"

/* Four partial sums hide the latency of the additions. */
static inline float row_sum(const float *x, size_t width)
{
    vec sum[4] = {vec_set(0.0F), vec_set(0.0F), vec_set(0.0F), vec_set(0.0F)};
    size_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES)
        for (size_t k = 0; k < 4; k++)
            sum[k] += vec_load(x + i + k * LANES);
    for (; i < width; i += LANES)
        sum[0] += vec_load_lanes(x + i, lanes_of(width - i));
    return vec_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/* Sum of squared distances from the mean: a second look at a row in L1, since the difference of two
 * large sums would lose CLIP's outlier channels. */
static inline float squared_distance(const float *x, size_t width, float mean)
{
    const vec zero = vec_set(0.0F);
    const vec centre = vec_set(mean);
    vec sum[4] = {zero, zero, zero, zero};
    size_t i = 0;
    for (; i + 4 * LANES <= width; i += 4 * LANES) {
        for (size_t k = 0; k < 4; k++) {
            vec distance = vec_load(x + i + k * LANES) - centre;
            sum[k] = vec_fma(distance, distance, sum[k]);
        }
    }
    for (; i < width; i += LANES) {
        size_t n = lanes_of(width - i);
        vec distance = vec_keep(vec_load_part(x + i, n) - centre, n, zero);
        sum[0] = vec_fma(distance, distance, sum[0]);
    }
    return vec_sum((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

/* What a row is shifted and scaled by. */
struct row_norm {
    vec centre, inverse;
};

static inline struct row_norm row_norm_of(const float *x, size_t width, float eps)
{
    const float mean = row_sum(x, width) / (float)width;
    const float variance = squared_distance(x, width, mean) / (float)width;
    return (struct row_norm){.centre = vec_set(mean),
                             .inverse = vec_set(1.0F / sqrtf(variance + eps))};
}

/* n <= LANES normalized channels from channel i on. */
static inline vec normalized_lanes(const struct row_norm *norm, const float *x, const float *gamma,
                                   const float *beta, size_t i, size_t n)
{
    vec unit = (vec_load_lanes(x + i, n) - norm->centre) * norm->inverse;
    return vec_fma(unit, vec_load_lanes(gamma + i, n), vec_load_lanes(beta + i, n));
}

static inline void normalize_row(float *y, const float *x, const float *gamma, const float *beta,
                                 size_t width, float eps)
{
    const struct row_norm norm = row_norm_of(x, width, eps);
    size_t i = 0;
    for (; i + LANES <= width; i += LANES)
        vec_store(y + i, normalized_lanes(&norm, x, gamma, beta, i, LANES));
    if (i < width)
        vec_store_part(y + i, normalized_lanes(&norm, x, gamma, beta, i, width - i), width - i);
}

/* The last channels go through a whole vector on the stack. */
static inline void normalize_row_bf16(uint16_t *y, const float *x, const float *gamma,
                                      const float *beta, size_t width, float eps)
{
    const struct row_norm norm = row_norm_of(x, width, eps);
    size_t i = 0;
    for (; i + LANES <= width; i += LANES)
        vec_store_bf16(y + i, normalized_lanes(&norm, x, gamma, beta, i, LANES));
    if (i < width) {
        uint16_t last[LANES];
        vec_store_bf16(last, normalized_lanes(&norm, x, gamma, beta, i, width - i));
        memcpy(y + i, last, (width - i) * sizeof last[0]);
    }
}

static inline void residual_lanes(float *x, const float *delta, const float *bias, size_t i,
                                  size_t n)
{
    vec sum = vec_load_lanes(x + i, n);
    if (delta)
        sum += vec_load_lanes(delta + i, n);
    if (bias)
        sum += vec_load_lanes(bias + i, n);
    vec_store_lanes(x + i, sum, n);
}

/* x <- x + delta + bias, either of which may be NULL. */
static inline void residual_row(float *x, const float *delta, const float *bias, size_t width)
{
    size_t i = 0;
    for (; i + LANES <= width; i += LANES)
        residual_lanes(x, delta, bias, i, LANES);
    if (i < width)
        residual_lanes(x, delta, bias, i, width - i);
}

static void layer_norm(float *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                       const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++)
        normalize_row(y + row * ldy, x + row * ldx, gamma, beta, width, eps);
}

static void layer_norm_bf16(uint16_t *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                            const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++)
        normalize_row_bf16(y + row * ldy, x + row * ldx, gamma, beta, width, eps);
}

static void residual_layer_norm(float *y, size_t ldy, float *x, size_t ldx, const float *delta,
                                size_t ld_delta, const float *bias, const float *gamma,
                                const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++) {
        float *to = x + row * ldx;
        if (delta || bias)
            residual_row(to, delta ? delta + row * ld_delta : NULL, bias, width);
        normalize_row(y + row * ldy, to, gamma, beta, width, eps);
    }
}

#endif
