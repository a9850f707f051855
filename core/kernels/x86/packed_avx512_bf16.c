/* bfloat16 by VDPBF16PS: pairs of numbers, sums in float. */
#if !defined(__AVX512BF16__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                \
    !defined(__AVX512VL__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16"
#endif

#include "kernels/x86/packed_lanes_avx512.h"

#include "kernels/packed_tile.h"

ALWAYS_INLINE vec pair_load(const unsigned char *weights)
{
    return vec_load((const float *)(const void *)weights);
}

ALWAYS_INLINE vec pair_step(vec sum, vec x, vec w)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)_mm512_castps_si512(x),
                            (__m512bh)_mm512_castps_si512(w));
}

/* 32 numbers to bfloat16. */
ALWAYS_INLINE void pair_chunk(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                              vec unused)
{
    (void)unused;
    if (is_bf16) {
        vec_store((float *)(void *)to,
                  vec_load((const float *)(const void *)((const uint16_t *)x + i)));
        return;
    }
    vec low = vec_load((const float *)x + i);
    vec high = vec_load((const float *)x + i + LANES);
    vec_store((float *)(void *)to, _mm512_castsi512_ps((__m512i)_mm512_cvtne2ps_pbh(high, low)));
}

static void convert_pairs(const struct m2c_packed_rows *rows)
{
    packed_convert_rows(rows, 2 * M2C_PACKED_CHUNK_WORDS, false, pair_chunk);
}

static void finish_pairs(const struct m2c_packed_product *p)
{
    packed_finish(p, M2C_PACKED_BF16);
}

M2C_PACKED_TILES(pairs, pair_load, 4, pair_step, M2C_PACKED_BF16, finish_pairs)

const struct m2c_packed_kernel m2c_packed_bf16_avx512_bf16 = {
    .name = "bf16 avx512_bf16",
    .form = M2C_PACKED_BF16,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 2,
    .weight_bytes = 2,
    .convert = convert_pairs,
    .multiply = pairs,
};
