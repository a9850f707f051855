#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "compile with -mavx2 -mfma -mf16c"
#endif

#include "kernels/x86/packed_lanes_avx2.h"

#include "kernels/packed_forms.h"

/* Pairs of int8 to pairs of int16. */
ALWAYS_INLINE vec int8_load(const unsigned char *weights)
{
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)weights);
    return _mm256_castsi256_ps(_mm256_cvtepi8_epi16(bytes));
}

ALWAYS_INLINE vec int8_step(vec sum, vec x, vec w)
{
    __m256i products = _mm256_madd_epi16(_mm256_castps_si256(x), _mm256_castps_si256(w));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(sum), products));
}

M2C_PACKED_TILES(f32, f32_load, 4, f32_step, M2C_PACKED_F32, finish_f32)
M2C_PACKED_TILES(bf16, bf16_load, 2, f32_step, M2C_PACKED_BF16, finish_bf16)
M2C_PACKED_TILES(int8, int8_load, 2, int8_step, M2C_PACKED_INT8, finish_int8)

const struct m2c_packed_kernel m2c_packed_f32_avx2 = {
    .name = "f32 avx2",
    .form = M2C_PACKED_F32,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 1,
    .weight_bytes = 4,
    .convert = convert_f32,
    .multiply = f32,
};

const struct m2c_packed_kernel m2c_packed_bf16_avx2 = {
    .name = "bf16 avx2",
    .form = M2C_PACKED_BF16,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 1,
    .weight_bytes = 2,
    .convert = convert_bf16,
    .multiply = bf16,
};

const struct m2c_packed_kernel m2c_packed_int8_avx2 = {
    .name = "int8 avx2",
    .form = M2C_PACKED_INT8,
    .columns = PACKED_COLUMNS,
    .group_rows = M2C_PACKED_ROWS,
    .word_values = 2,
    .weight_bytes = 1,
    .convert = convert_int8,
    .multiply = int8,
};
