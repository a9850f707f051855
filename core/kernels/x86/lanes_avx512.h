/* The lanes of vector/lanes.h in AVX-512 F, BW, DQ, VL. */
#ifndef M2C_KERNELS_X86_LANES_AVX512_H
#define M2C_KERNELS_X86_LANES_AVX512_H

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/x86/rgb_bytes.h"

#define M2C_LANES 16

typedef __m512 vec;
enum { LANES = M2C_LANES };

static inline vec vec_set(float s)
{
    return _mm512_set1_ps(s);
}

static inline vec vec_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vec_store(float *p, vec v)
{
    _mm512_storeu_ps(p, v);
}

static inline __mmask16 first_lanes(size_t n)
{
    return (__mmask16)((1U << n) - 1U);
}

static inline vec vec_load_part(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(first_lanes(n), p);
}

static inline void vec_store_part(float *p, vec v, size_t n)
{
    _mm512_mask_storeu_ps(p, first_lanes(n), v);
}

static inline vec vec_keep(vec v, size_t n, vec other)
{
    return _mm512_mask_mov_ps(other, first_lanes(n), v);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_min(vec a, vec b)
{
    return _mm512_min_ps(a, b);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_abs(vec v)
{
    return _mm512_abs_ps(v);
}

static inline vec vec_round(vec v)
{
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

static inline vec vec_scale(vec v, vec n)
{
    return _mm512_scalef_ps(v, n);
}

/* The instruction that scales takes the floor itself. */
static inline vec vec_split(vec t, vec *fraction)
{
    *fraction = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    return t;
}

static inline void vec_transpose(vec v[M2C_LANES])
{
    __m512d pair[M2C_LANES];
    vec quad[M2C_LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        pair[i] = _mm512_castps_pd(_mm512_unpacklo_ps(v[i], v[i + 1]));
        pair[i + 1] = _mm512_castps_pd(_mm512_unpackhi_ps(v[i], v[i + 1]));
    }
    /* Then quad[4 q + c] holds column c of each group of 4 columns, of rows 4 q .. 4 q + 3. */
    for (size_t i = 0; i < LANES; i += 4) {
        quad[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair[i], pair[i + 2]));
        quad[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair[i], pair[i + 2]));
        quad[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(pair[i + 1], pair[i + 3]));
        quad[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(pair[i + 1], pair[i + 3]));
    }
    for (size_t c = 0; c < 4; c++) {
        vec low02 = _mm512_shuffle_f32x4(quad[c], quad[4 + c], 0x88);
        vec low13 = _mm512_shuffle_f32x4(quad[c], quad[4 + c], 0xDD);
        vec high02 = _mm512_shuffle_f32x4(quad[8 + c], quad[12 + c], 0x88);
        vec high13 = _mm512_shuffle_f32x4(quad[8 + c], quad[12 + c], 0xDD);
        v[c] = _mm512_shuffle_f32x4(low02, high02, 0x88);
        v[4 + c] = _mm512_shuffle_f32x4(low13, high13, 0x88);
        v[8 + c] = _mm512_shuffle_f32x4(low02, high02, 0xDD);
        v[12 + c] = _mm512_shuffle_f32x4(low13, high13, 0xDD);
    }
}

static inline vec vec_choose_below_0(vec z, vec a, vec b)
{
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(z, _mm512_setzero_ps(), _CMP_LT_OQ), a);
}

static inline float vec_sum(vec v)
{
    return _mm512_reduce_add_ps(v);
}

static inline float vec_greatest(vec v)
{
    return _mm512_reduce_max_ps(v);
}

static inline vec vec_gather(const float *p, const int32_t *index)
{
    return _mm512_i32gather_ps(_mm512_loadu_si512(index), p, sizeof *p);
}

static inline bool vec_quads_rise(const int32_t *index)
{
    __m512i indices = _mm512_loadu_si512(index);
    __m512i first = _mm512_shuffle_epi32(indices, _MM_PERM_AAAA);
    __m512i steps = _mm512_setr4_epi32(0, 1, 2, 3);
    return _mm512_cmpneq_epi32_mask(indices, _mm512_add_epi32(first, steps)) == 0;
}

static inline vec vec_load_quads(const float *p, const int32_t *index)
{
    vec quads = _mm512_castps128_ps512(_mm_loadu_ps(p + index[0]));
    quads = _mm512_insertf32x4(quads, _mm_loadu_ps(p + index[4]), 1);
    quads = _mm512_insertf32x4(quads, _mm_loadu_ps(p + index[8]), 2);
    return _mm512_insertf32x4(quads, _mm_loadu_ps(p + index[12]), 3);
}

static inline vec vec_sum_quads(const vec p[4])
{
    /* Within each 128 bits: halves of a quad are added, then the rest, two vectors at a time. */
    vec p01 = _mm512_unpacklo_ps(p[0], p[1]) + _mm512_unpackhi_ps(p[0], p[1]);
    vec p23 = _mm512_unpacklo_ps(p[2], p[3]) + _mm512_unpackhi_ps(p[2], p[3]);
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(p01), _mm512_castps_pd(p23));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(p01), _mm512_castps_pd(p23));
    vec sums = _mm512_castpd_ps(low) + _mm512_castpd_ps(high);
    /* Now 128-bit lane q holds quad q of p[0] .. p[3]: transposed. */
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_ps(order, sums);
}

static inline vec vec_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

static inline vec vec_load_bf16(const uint16_t *p)
{
    __m256i numbers = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16));
}

/* Not AVX512_BF16's instruction, which flushes subnormals. */
static inline void vec_store_bf16(uint16_t *p, vec v)
{
    __m512i bits = _mm512_castps_si512(v);
    __m512i upper = _mm512_srli_epi32(bits, 16);
    __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    __m512i half_unit = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7FFF));
    __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, half_unit), 16);
    __m512i quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
    __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    rounded = _mm512_mask_mov_epi32(rounded, nan, quiet);
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi32_epi16(rounded));
}

static inline void vec_load_rgb(const uint8_t *p, vec v[3])
{
    __m128i bytes[3];
    load_rgb_16(p, bytes);
    for (size_t c = 0; c < 3; c++)
        v[c] = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes[c]));
}

#endif
