/* int8 by VPDPBUSD: quads of numbers, exact sums in int32. Its x is unsigned: 128 is added to each
 * number, and 128 times the sum of a column's weights taken off the sum's start. */
#if !defined(__AVX512VNNI__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                \
    !defined(__AVX512VL__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512vnni"
#endif

#include "kernels/x86/packed_lanes_avx512.h"

#include "kernels/packed_tile.h"

enum { X_OFFSET = 128 };

ALWAYS_INLINE vec quad_load(const unsigned char *weights)
{
    return vec_load((const float *)(const void *)weights);
}

ALWAYS_INLINE vec quad_step(vec sum, vec x, vec w)
{
    return _mm512_castsi512_ps(_mm512_dpbusd_epi32(_mm512_castps_si512(sum), _mm512_castps_si512(x),
                                                   _mm512_castps_si512(w)));
}

/* 64 numbers to the nearest bytes, raised by X_OFFSET: they lie within 1 .. 255. Added to 1.5 *
 * 2^23, whose unit is 1, they are rounded into its lowest bits. */
ALWAYS_INLINE void quad_chunk(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                              vec inverse)
{
    const vec base = vec_set(0x1.8p23F + (float)X_OFFSET);
#pragma GCC unroll 4
    for (size_t k = 0; k < 4 * (size_t)M2C_PACKED_CHUNK_WORDS; k += LANES) {
        vec sum = vec_fma(packed_load_element(x, i + k, is_bf16), inverse, base);
        __m128i bytes = _mm512_cvtepi32_epi8(_mm512_castps_si512(sum));
        _mm_storeu_si128((__m128i *)(void *)(to + k), bytes);
    }
}

static void convert_quads(const struct m2c_packed_rows *rows)
{
    packed_convert_rows(rows, 4 * M2C_PACKED_CHUNK_WORDS, true, quad_chunk);
}

static void finish_quads(const struct m2c_packed_product *p)
{
    packed_finish(p, M2C_PACKED_INT8);
}

M2C_PACKED_TILES(quads, quad_load, 4, quad_step, M2C_PACKED_INT8, finish_quads)

const struct m2c_packed_kernel m2c_packed_int8_avx512_vnni = {
    .name = "int8 avx512_vnni",
    .form = M2C_PACKED_INT8,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 4,
    .weight_bytes = 1,
    .x_offset = X_OFFSET,
    .convert = convert_quads,
    .multiply = quads,
};
