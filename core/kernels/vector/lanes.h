/* What the bodies in this folder are written in: `vec`, LANES floats that are worked on at once.
 *
 * The maths stands here once; a table file of an instruction set (x86/kernels_avx2.c) includes its
 * lanes header first and then the bodies, and is compiled with that set's flags. Besides the
 * operators + - * / of GNU C's vectors, which work lane by lane, a lanes header offers:
 *
 *   vec_set(s)                 every lane s
 *   vec_load(p), vec_store(p, v)           LANES floats, no alignment asked
 *   vec_load_part(p, n), vec_store_part(p, v, n)
 *                              the first n <= LANES; other lanes read as 0, nothing else is touched
 *   vec_keep(v, n, other)      the first n <= LANES lanes of v, the rest from `other`
 *   vec_fma(a, b, c)           a * b + c, rounded once
 *   vec_min(a, b), vec_max(a, b)           b where either is a NaN
 *   vec_abs(v), vec_round(v)   to the nearest integer, ties to even
 *   vec_scale(v, n)            v * 2^n, n integral and |n| <= 160, right down to subnormals
 *   vec_split(t, &fraction)    w, for which vec_scale(v, w) is v * 2^floor(t), and t - floor(t);
 *                              t <= 160; -inf and whatever is below -160 scale to 0
 *   vec_transpose(v)           v[LANES] as a matrix, in place
 *   vec_choose_below_0(z, a, b)            a where z < 0, else b
 *   vec_sum(v), vec_greatest(v)            over the lanes
 *   vec_gather(p, index)       p[index[lane]]
 *   vec_quads_rise(index)      whether each quad of LANES indices is i, i + 1, i + 2, i + 3
 *   vec_load_quads(p, index)   the same as vec_gather where vec_quads_rise(index), faster
 *   vec_sum_quads(p)           lane i is the sum of floats 4 i .. 4 i + 3 of p[4] end to end
 *   vec_load_f16(p), vec_load_bf16(p), vec_store_bf16(p, v)
 *                              LANES numbers of 16 bits
 *   vec_load_rgb(p, v)         LANES packed pixels of 3 x 8 bits to three vectors of 0..255
 */
#ifndef M2C_KERNELS_VECTOR_LANES_H
#define M2C_KERNELS_VECTOR_LANES_H

#include <stddef.h>

#ifndef M2C_LANES
#error "a lanes header (x86/lanes_*.h) comes before the bodies"
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* How many lanes the next step over `left` > 0 remaining floats fills. */
static inline size_t lanes_of(size_t left)
{
    return left < LANES ? left : (size_t)LANES;
}

/* A load or store of n <= LANES floats that costs no mask where n is known to be LANES. */
static inline vec vec_load_lanes(const float *p, size_t n)
{
    return n == LANES ? vec_load(p) : vec_load_part(p, n);
}

static inline void vec_store_lanes(float *p, vec v, size_t n)
{
    if (n == LANES)
        vec_store(p, v);
    else
        vec_store_part(p, v, n);
}

#endif
