/* The portable C kernels behind the M2C_CPU_C table: the reference that every twin is tested
 * against. Contracts stand in kernels/kernels.h, under the same names. */
#ifndef M2C_KERNELS_REFERENCE_H
#define M2C_KERNELS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

void m2c_layer_norm_c(float *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                      const float *beta, size_t rows, size_t width, float eps);
void m2c_layer_norm_bf16_c(uint16_t *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                           const float *beta, size_t rows, size_t width, float eps);
void m2c_residual_layer_norm_c(float *y, size_t ldy, float *x, size_t ldx, const float *delta,
                               size_t ld_delta, const float *bias, const float *gamma,
                               const float *beta, size_t rows, size_t width, float eps);
void m2c_softmax_c(float *x, size_t ldx, size_t rows, size_t width, float scale);
void m2c_add_c(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t width);
void m2c_bias_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width);
void m2c_bias_quick_gelu_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width);
void m2c_bias_gelu_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width);
void m2c_conv_time_run_c(float *y, size_t ldy, const float *const taps[3], size_t ld, size_t rows,
                         const float *weight, const float *bias, size_t channels);
void m2c_conv_space_run_c(float *y, size_t ldy, const float *now, const float *before, size_t ld,
                          size_t first, size_t count, const struct m2c_space_conv *conv);
void m2c_attention_c(const struct m2c_attention *attention, float *scratch);
void m2c_attention_gather_c(const float *q, const float *const *k, const float *const *v,
                            size_t keys, size_t head_dim, float *out, float *scores);
float m2c_dot_c(const float *a, const float *b, size_t count);
void m2c_widen_f16_c(float *y, const uint16_t *x, size_t count);
void m2c_widen_bf16_c(float *y, const uint16_t *x, size_t count);
void m2c_narrow_bf16_c(uint16_t *y, const float *x, size_t count);
void m2c_resize_row_c(float *y, const float *x, const int32_t *index, const float *weight,
                      size_t count);
void m2c_resize_column_c(float *y, const float *const rows[4], const float weight[4], size_t count);
void m2c_normalize_rgb_c(float *const plane[3], const uint8_t *rgb, const float scale[3],
                         const float shift[3], size_t count);

#endif
