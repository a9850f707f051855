#ifndef M2C_KERNELS_VECTOR_ACTIVATION_H
#define M2C_KERNELS_VECTOR_ACTIVATION_H

#include "kernels/vector/exponential.h"

/* x <- apply(x + bias), `apply` inlined with its constants in registers. */
ALWAYS_INLINE void apply_rows(float *x, size_t ldx, const float *bias, size_t rows, size_t width,
                              vec (*apply)(vec z, const struct exponential *e), double factor)
{
    const struct exponential e = exponential_of(factor);
    for (size_t row = 0; row < rows; row++) {
        float *to = x + row * ldx;
        size_t i = 0;
        for (; i + LANES <= width; i += LANES)
            vec_store(to + i, apply(vec_load(to + i) + vec_load(bias + i), &e));
        if (i < width) {
            vec z = vec_load_part(to + i, width - i) + vec_load_part(bias + i, width - i);
            vec_store_part(to + i, apply(z, &e), width - i);
        }
    }
}

ALWAYS_INLINE vec identity(vec z, const struct exponential *unused)
{
    (void)unused;
    return z;
}

static void bias_rows(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    apply_rows(x, ldx, bias, rows, width, identity, 1.0);
}

/* e(z) = exp(-1.702 z). */
ALWAYS_INLINE vec quick_gelu(vec z, const struct exponential *e)
{
    return z / (vec_set(1.0F) + vec_exp(e, z));
}

static void bias_quick_gelu(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    apply_rows(x, ldx, bias, rows, width, quick_gelu, -1.702);
}

/* z * Phi(z), e(s) = exp(-s / 2). The normal distribution's tail beyond |z| is
 * Q(|z|) = exp(-z^2 / 2) * r(t), t = 1 / (1 + 0.3 |z|), the shape of Abramowitz and Stegun 7.1.26;
 * r is the polynomial t .. t^8 of least greatest relative error (1.5e-7) over 0 <= |z| <= 14
 * (Remez's exchange); beyond 14 the exponential is 0. So both tails are right relative to
 * themselves. */
ALWAYS_INLINE vec gelu(vec z, const struct exponential *e)
{
    vec one = vec_set(1.0F);
    vec t = one / vec_fma(vec_abs(z), vec_set(0.3F), one);
    vec r = vec_set(0x1.244090p-5F);
    r = vec_fma(r, t, vec_set(-0x1.41f4bap-3F));
    r = vec_fma(r, t, vec_set(0x1.a69e38p-3F));
    r = vec_fma(r, t, vec_set(-0x1.b7cbccp-5F));
    r = vec_fma(r, t, vec_set(0x1.074be8p-3F));
    r = vec_fma(r, t, vec_set(0x1.993e94p-4F));
    r = vec_fma(r, t, vec_set(0x1.ee9bc0p-4F));
    r = vec_fma(r, t, vec_set(0x1.ea006ap-4F));
    vec tail = vec_exp(e, z * z) * (r * t);
    return z * vec_choose_below_0(z, tail, one - tail);
}

static void bias_gelu(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    apply_rows(x, ldx, bias, rows, width, gelu, -0.5);
}

#endif
