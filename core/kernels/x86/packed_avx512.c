#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                   \
    !defined(__AVX512VL__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include "kernels/x86/packed_lanes_avx512.h"

#include "kernels/packed_forms.h"

/* Pairs of int8 to pairs of int16. */
ALWAYS_INLINE vec int8_load(const unsigned char *weights)
{
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)weights);
    return _mm512_castsi512_ps(_mm512_cvtepi8_epi16(bytes));
}

ALWAYS_INLINE vec int8_step(vec sum, vec x, vec w)
{
    __m512i products = _mm512_madd_epi16(_mm512_castps_si512(x), _mm512_castps_si512(w));
    return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(sum), products));
}

M2C_PACKED_TILES(f32, f32_load, 4, f32_step, M2C_PACKED_F32, finish_f32)
M2C_PACKED_TILES(bf16, bf16_load, 2, f32_step, M2C_PACKED_BF16, finish_bf16)
M2C_PACKED_TILES(int8, int8_load, 2, int8_step, M2C_PACKED_INT8, finish_int8)

const struct m2c_packed_kernel m2c_packed_f32_avx512 = {
    .name = "f32 avx512",
    .form = M2C_PACKED_F32,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 1,
    .weight_bytes = 4,
    .convert = convert_f32,
    .multiply = f32,
};

const struct m2c_packed_kernel m2c_packed_bf16_avx512 = {
    .name = "bf16 avx512",
    .form = M2C_PACKED_BF16,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 1,
    .weight_bytes = 2,
    .convert = convert_bf16,
    .multiply = bf16,
};

const struct m2c_packed_kernel m2c_packed_int8_avx512 = {
    .name = "int8 avx512",
    .form = M2C_PACKED_INT8,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 2,
    .weight_bytes = 1,
    .convert = convert_int8,
    .multiply = int8,
};
