/* The lanes of vector/lanes.h in AVX2 with FMA and F16C. */
#ifndef M2C_KERNELS_X86_LANES_AVX2_H
#define M2C_KERNELS_X86_LANES_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/x86/rgb_bytes.h"

#define M2C_LANES 8

typedef __m256 vec;
enum { LANES = M2C_LANES };

static inline vec vec_set(float s)
{
    return _mm256_set1_ps(s);
}

static inline vec vec_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vec_store(float *p, vec v)
{
    _mm256_storeu_ps(p, v);
}

static inline __m256i first_lanes(size_t n)
{
    static const int32_t ones_then_zeros[2 * M2C_LANES] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(const void *)(ones_then_zeros + LANES - n));
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, first_lanes(n));
}

static inline void vec_store_part(float *p, vec v, size_t n)
{
    _mm256_maskstore_ps(p, first_lanes(n), v);
}

static inline vec vec_keep(vec v, size_t n, vec other)
{
    return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(first_lanes(n)));
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm256_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_abs(vec v)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v);
}

static inline vec vec_round(vec v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* 2^n as a float, for n that is a normal exponent. */
static inline vec power_of_2(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* In two steps, since 2^n itself may be subnormal or infinite where v * 2^n is neither. */
static inline vec vec_scale(vec v, vec n)
{
    __m256i whole = _mm256_cvtps_epi32(n);
    __m256i half = _mm256_srai_epi32(whole, 1);
    return v * power_of_2(half) * power_of_2(_mm256_sub_epi32(whole, half));
}

static inline vec vec_split(vec t, vec *fraction)
{
    vec bounded = vec_max(_mm256_set1_ps(-160.0F), t);
    vec whole = _mm256_round_ps(bounded, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    *fraction = bounded - whole;
    return whole;
}

static inline void vec_transpose(vec v[M2C_LANES])
{
    __m256d pair[M2C_LANES];
    vec quad[M2C_LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        pair[i] = _mm256_castps_pd(_mm256_unpacklo_ps(v[i], v[i + 1]));
        pair[i + 1] = _mm256_castps_pd(_mm256_unpackhi_ps(v[i], v[i + 1]));
    }
    /* Then quad[4 q + c] holds columns c and 4 + c of rows 4 q .. 4 q + 3. */
    for (size_t i = 0; i < LANES; i += 4) {
        quad[i] = _mm256_castpd_ps(_mm256_unpacklo_pd(pair[i], pair[i + 2]));
        quad[i + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(pair[i], pair[i + 2]));
        quad[i + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(pair[i + 1], pair[i + 3]));
        quad[i + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(pair[i + 1], pair[i + 3]));
    }
    for (size_t c = 0; c < 4; c++) {
        v[c] = _mm256_permute2f128_ps(quad[c], quad[4 + c], 0x20);
        v[4 + c] = _mm256_permute2f128_ps(quad[c], quad[4 + c], 0x31);
    }
}

static inline vec vec_choose_below_0(vec z, vec a, vec b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(z, _mm256_setzero_ps(), _CMP_LT_OQ));
}

static inline float vec_sum(vec v)
{
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    sum = _mm_add_ps(sum, _mm_movehl_ps(sum, sum));
    return _mm_cvtss_f32(_mm_add_ss(sum, _mm_movehdup_ps(sum)));
}

static inline float vec_greatest(vec v)
{
    __m128 greatest = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    greatest = _mm_max_ps(greatest, _mm_movehl_ps(greatest, greatest));
    return _mm_cvtss_f32(_mm_max_ss(greatest, _mm_movehdup_ps(greatest)));
}

static inline vec vec_gather(const float *p, const int32_t *index)
{
    return _mm256_i32gather_ps(p, _mm256_loadu_si256((const __m256i *)(const void *)index),
                               sizeof *p);
}

static inline bool vec_quads_rise(const int32_t *index)
{
    __m256i indices = _mm256_loadu_si256((const __m256i *)(const void *)index);
    __m256i first = _mm256_shuffle_epi32(indices, 0);
    __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 0, 1, 2, 3);
    __m256i equal = _mm256_cmpeq_epi32(indices, _mm256_add_epi32(first, steps));
    return _mm256_movemask_epi8(equal) == -1;
}

static inline vec vec_load_quads(const float *p, const int32_t *index)
{
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + index[0])),
                                _mm_loadu_ps(p + index[4]), 1);
}

static inline vec vec_sum_quads(const vec p[4])
{
    /* 128-bit lane q then holds quad q of p[0] .. p[3]: transposed. */
    vec sums = _mm256_hadd_ps(_mm256_hadd_ps(p[0], p[1]), _mm256_hadd_ps(p[2], p[3]));
    return _mm256_permutevar8x32_ps(sums, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

static inline vec vec_load_bf16(const uint16_t *p)
{
    __m128i numbers = _mm_loadu_si128((const __m128i *)(const void *)p);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(numbers), 16));
}

static inline void vec_store_bf16(uint16_t *p, vec v)
{
    __m256i bits = _mm256_castps_si256(v);
    __m256i upper = _mm256_srli_epi32(bits, 16);
    __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    __m256i half_unit = _mm256_add_epi32(odd, _mm256_set1_epi32(0x7FFF));
    __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, half_unit), 16);
    __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    rounded = _mm256_blendv_epi8(rounded, quiet, nan);
    __m128i numbers =
        _mm_packus_epi32(_mm256_castsi256_si128(rounded), _mm256_extracti128_si256(rounded, 1));
    _mm_storeu_si128((__m128i *)(void *)p, numbers);
}

static inline void vec_load_rgb(const uint8_t *p, vec v[3])
{
    __m128i bytes[3];
    load_rgb_8(p, bytes);
    for (size_t c = 0; c < 3; c++)
        v[c] = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes[c]));
}

#endif
