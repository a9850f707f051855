/* Packed RGB to three vectors of bytes by SSSE3's byte shuffle. */
#ifndef M2C_KERNELS_X86_RGB_BYTES_H
#define M2C_KERNELS_X86_RGB_BYTES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

enum { RGB_NONE = -128 }; /* a shuffle index that yields a zero byte */

/* shuffle[c][b] picks from the b-th 16 bytes what belongs to colour c, each byte to its place. */
static inline __m128i rgb_shuffle(size_t c, size_t b)
{
    static const int8_t shuffle[3][3][16] = {
#define N RGB_NONE
        {{0, 3, 6, 9, 12, 15, N, N, N, N, N, N, N, N, N, N},
         {N, N, N, N, N, N, 2, 5, 8, 11, 14, N, N, N, N, N},
         {N, N, N, N, N, N, N, N, N, N, N, 1, 4, 7, 10, 13}},
        {{1, 4, 7, 10, 13, N, N, N, N, N, N, N, N, N, N, N},
         {N, N, N, N, N, 0, 3, 6, 9, 12, 15, N, N, N, N, N},
         {N, N, N, N, N, N, N, N, N, N, N, 2, 5, 8, 11, 14}},
        {{2, 5, 8, 11, 14, N, N, N, N, N, N, N, N, N, N, N},
         {N, N, N, N, N, 1, 4, 7, 10, 13, N, N, N, N, N, N},
         {N, N, N, N, N, N, N, N, N, N, 0, 3, 6, 9, 12, 15}},
#undef N
    };
    return _mm_loadu_si128((const __m128i *)(const void *)shuffle[c][b]);
}

/* 16 pixels, 48 bytes. */
static inline void load_rgb_16(const uint8_t *p, __m128i colour[3])
{
    __m128i packed[3];
    for (size_t b = 0; b < 3; b++)
        packed[b] = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * b));
    for (size_t c = 0; c < 3; c++) {
        colour[c] = _mm_shuffle_epi8(packed[0], rgb_shuffle(c, 0));
        for (size_t b = 1; b < 3; b++)
            colour[c] = _mm_or_si128(colour[c], _mm_shuffle_epi8(packed[b], rgb_shuffle(c, b)));
    }
}

/* 8 pixels, 24 bytes, in the lower half of each vector. */
static inline void load_rgb_8(const uint8_t *p, __m128i colour[3])
{
    __m128i first = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i second = _mm_loadl_epi64((const __m128i *)(const void *)(p + 16));
    for (size_t c = 0; c < 3; c++)
        colour[c] = _mm_or_si128(_mm_shuffle_epi8(first, rgb_shuffle(c, 0)),
                                 _mm_shuffle_epi8(second, rgb_shuffle(c, 1)));
}

#endif
