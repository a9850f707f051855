/* What packed_tile.h needs beyond lanes_avx512.h, and its tile: 8 rows x 48 columns are 24 of 32
 * registers. */
#ifndef M2C_KERNELS_X86_PACKED_LANES_AVX512_H
#define M2C_KERNELS_X86_PACKED_LANES_AVX512_H

#include "kernels/x86/lanes_avx512.h"

#define M2C_PACKED_VECTORS 3
#define M2C_PACKED_ROWS 8

/* v itself, at this place among others like it: left to itself the compiler gathers broadcasts and
 * products ahead of the sums they belong to, and runs out of registers. */
static inline vec vec_pinned(vec v)
{
    __asm__ volatile("" : "+v"(v));
    return v;
}

/* The greater of two lanes by their bits as signed numbers. */
static inline vec vec_greatest_bits(vec a, vec b)
{
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(a), _mm512_castps_si512(b)));
}

/* The greatest lane in that order. */
static inline float vec_most_bits(vec v)
{
    return _mm_cvtss_f32(
        _mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(_mm512_castps_si512(v)))));
}

/* 1 / v within 2^-14 of itself. */
static inline vec vec_near_reciprocal(vec v)
{
    return _mm512_rcp14_ps(v);
}

/* Rounded to int16, saturated; LANES of them. */
static inline void vec_store_int16(int16_t *p, vec v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(v)));
}

/* Lanes that hold int32 to float. */
static inline vec vec_of_ints(vec v)
{
    return _mm512_cvtepi32_ps(_mm512_castps_si512(v));
}

/* `name`: every micro-kernel of a form, and the function that picks by rows and columns. */
#define M2C_PACKED_TILES(name, ...)                                                                \
    M2C_PACKED_ROW_TILES(name, 1, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 2, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 3, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 4, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 5, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 6, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 7, __VA_ARGS__)                                                     \
    M2C_PACKED_ROW_TILES(name, 8, __VA_ARGS__)                                                     \
    static void name(const struct m2c_packed_product *p)                                           \
    {                                                                                              \
        static const packed_tile tiles[M2C_PACKED_ROWS][M2C_PACKED_VECTORS] = {                    \
            {name##_1x1, name##_1x2, name##_1x3}, {name##_2x1, name##_2x2, name##_2x3},            \
            {name##_3x1, name##_3x2, name##_3x3}, {name##_4x1, name##_4x2, name##_4x3},            \
            {name##_5x1, name##_5x2, name##_5x3}, {name##_6x1, name##_6x2, name##_6x3},            \
            {name##_7x1, name##_7x2, name##_7x3}, {name##_8x1, name##_8x2, name##_8x3}};           \
        tiles[p->rows - 1][(p->columns - 1) / LANES](p);                                           \
    }

#define M2C_PACKED_ROW_TILES(name, r, ...)                                                         \
    M2C_PACKED_TILE(name, r, 1, __VA_ARGS__)                                                       \
    M2C_PACKED_TILE(name, r, 2, __VA_ARGS__)                                                       \
    M2C_PACKED_TILE(name, r, 3, __VA_ARGS__)

#endif
