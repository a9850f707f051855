/* What packed_tile.h needs beyond lanes_avx2.h, and its tile: 6 rows x 16 columns are 12 of 16
 * registers. */
#ifndef M2C_KERNELS_X86_PACKED_LANES_AVX2_H
#define M2C_KERNELS_X86_PACKED_LANES_AVX2_H

#include "kernels/x86/lanes_avx2.h"

#define M2C_PACKED_VECTORS 2
#define M2C_PACKED_ROWS 6

static inline vec vec_pinned(vec v)
{
    __asm__ volatile("" : "+x"(v));
    return v;
}

static inline vec vec_greatest_bits(vec a, vec b)
{
    return _mm256_castsi256_ps(_mm256_max_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

static inline float vec_most_bits(vec v)
{
    __m256i bits = _mm256_castps_si256(v);
    __m128i most = _mm_max_epi32(_mm256_castsi256_si128(bits), _mm256_extracti128_si256(bits, 1));
    most = _mm_max_epi32(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(1, 0, 3, 2)));
    most = _mm_max_epi32(most, _mm_shuffle_epi32(most, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtss_f32(_mm_castsi128_ps(most));
}

static inline vec vec_near_reciprocal(vec v)
{
    return _mm256_set1_ps(1.0F) / v;
}

static inline void vec_store_int16(int16_t *p, vec v)
{
    __m256i ints = _mm256_cvtps_epi32(v);
    __m128i numbers =
        _mm_packs_epi32(_mm256_castsi256_si128(ints), _mm256_extracti128_si256(ints, 1));
    _mm_storeu_si128((__m128i *)(void *)p, numbers);
}

static inline vec vec_of_ints(vec v)
{
    return _mm256_cvtepi32_ps(_mm256_castps_si256(v));
}

#define M2C_PACKED_TILES(name, ...)                                                                \
    M2C_PACKED_ROW_TILES(name, 1, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 2, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 3, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 4, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 5, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 6, __VA_ARGS__)                                                     \
    static void name(const struct m2c_packed_product *p)                                           \
    {                                                                                              \
        static const packed_tile tiles[M2C_PACKED_ROWS][M2C_PACKED_VECTORS] = {                    \
            {name##_1x1, name##_1x2}, {name##_2x1, name##_2x2}, {name##_3x1, name##_3x2},          \
            {name##_4x1, name##_4x2}, {name##_5x1, name##_5x2}, {name##_6x1, name##_6x2}};         \
        tiles[p->rows - 1][(p->columns - 1) / LANES](p);                                           \
    }

#define M2C_PACKED_ROW_TILES(name, r, ...)                                                         \
    M2C_PACKED_TILE(name, r, 1, __VA_ARGS__)                                                       \
    M2C_PACKED_TILE(name, r, 2, __VA_ARGS__)

#endif
