/* e^(factor * x) in vectors. */
#ifndef M2C_KERNELS_VECTOR_EXPONENTIAL_H
#define M2C_KERNELS_VECTOR_EXPONENTIAL_H

#include <math.h>

#include "kernels/vector/lanes.h"

/* A factor in base 2, in two parts so that its rounding does not grow with x, and the range of x
 * outside which the result is 0 or infinite anyway. */
struct exponential {
    vec high, low;
    vec least, most;
};

static inline struct exponential exponential_of(double factor)
{
    double binary = factor * M_LOG2E;
    float high = (float)binary;
    float reach = (float)(160.0 / fabs(binary));
    return (struct exponential){.high = vec_set(high),
                                .low = vec_set((float)(binary - (double)high)),
                                .least = vec_set(-reach),
                                .most = vec_set(reach)};
}

/* e^(factor * x): relative error below 2e-7; 0, infinity and subnormals where they belong; NaN for
 * NaN; exactly 1 at 0. With t = x * factor / ln 2, 2^t = 2^n * 2^f, n the integer next to t; 2^f by
 * the polynomial of degree 6 that has the least greatest relative error over |f| <= 1/2 (5e-9) with
 * constant term 1 (Remez's exchange, coefficients rounded to float one by one, lowest first). */
static inline vec vec_exp(const struct exponential *e, vec x)
{
    vec within = vec_min(e->most, vec_max(e->least, x));
    vec n = vec_round(within * e->high);
    vec f = vec_fma(within, e->low, vec_fma(within, e->high, -n));
    vec p = vec_set(0x1.4bc7b6p-13F);
    p = vec_fma(p, f, vec_set(0x1.5fc00ap-10F));
    p = vec_fma(p, f, vec_set(0x1.3b21c6p-7F));
    p = vec_fma(p, f, vec_set(0x1.c6ada6p-5F));
    p = vec_fma(p, f, vec_set(0x1.ebfbe6p-3F));
    p = vec_fma(p, f, vec_set(0x1.62e432p-1F));
    p = vec_fma(p, f, vec_set(1.0F));
    return vec_scale(p, n);
}

/* 2^t for t <= 160, of relative error below 2e-7, 0 and subnormals where they belong, NaN for NaN;
 * not exactly 1 at 0. 2^f over 0 <= f < 1 by the polynomial of degree 5 that has the least greatest
 * relative error (9e-8; found as above). */
static inline vec vec_power_of_2(vec t)
{
    vec f;
    vec whole = vec_split(t, &f);
    vec p = vec_set(0x1.ec320ap-10F);
    p = vec_fma(p, f, vec_set(0x1.26900cp-7F));
    p = vec_fma(p, f, vec_set(0x1.c95446p-5F));
    p = vec_fma(p, f, vec_set(0x1.ebd5a8p-3F));
    p = vec_fma(p, f, vec_set(0x1.62e4f6p-1F));
    p = vec_fma(p, f, vec_set(0x1.fffffep-1F));
    return vec_scale(p, whole);
}

#endif
