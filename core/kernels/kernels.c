#include "kernels/kernels.h"

#include "kernels/reference.h"
#include "kernels/tables.h"

const struct m2c_kernels m2c_kernels_c = {
    .level = M2C_CPU_C,
    .layer_norm = m2c_layer_norm_c,
    .layer_norm_bf16 = m2c_layer_norm_bf16_c,
    .residual_layer_norm = m2c_residual_layer_norm_c,
    .softmax = m2c_softmax_c,
    .add = m2c_add_c,
    .bias = m2c_bias_c,
    .bias_quick_gelu = m2c_bias_quick_gelu_c,
    .bias_gelu = m2c_bias_gelu_c,
    .conv_time_run = m2c_conv_time_run_c,
    .conv_space_run = m2c_conv_space_run_c,
    .attention = m2c_attention_c,
    .attention_gather = m2c_attention_gather_c,
    .dot = m2c_dot_c,
    .widen_f16 = m2c_widen_f16_c,
    .widen_bf16 = m2c_widen_bf16_c,
    .narrow_bf16 = m2c_narrow_bf16_c,
    .resize_row = m2c_resize_row_c,
    .resize_column = m2c_resize_column_c,
    .normalize_rgb = m2c_normalize_rgb_c,
};

static const struct m2c_kernels *const tables[] = {
    [M2C_CPU_C] = &m2c_kernels_c,
#if defined(__x86_64__)
    [M2C_CPU_AVX2] = &m2c_kernels_avx2,
    [M2C_CPU_AVX512] = &m2c_kernels_avx512,
#endif
};

const struct m2c_kernels *m2c_kernels_at(enum m2c_cpu_level level)
{
    /* The level of a processor that the list does not know is M2C_CPU_C. */
    return level <= m2c_cpu_level() ? tables[level] : NULL;
}

const struct m2c_kernels *m2c_kernels_get(void)
{
    return tables[m2c_cpu_level()];
}
