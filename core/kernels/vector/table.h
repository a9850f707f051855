/* The bodies of one instruction set and the table they fill. */
#ifndef M2C_KERNELS_VECTOR_TABLE_H
#define M2C_KERNELS_VECTOR_TABLE_H

#include "kernels/vector/activation.h"
#include "kernels/vector/attention.h"
#include "kernels/vector/depthwise_conv.h"
#include "kernels/vector/layer_norm.h"
#include "kernels/vector/normalize.h"
#include "kernels/vector/precision.h"
#include "kernels/vector/resize.h"
#include "kernels/vector/softmax.h"
#include "kernels/vector/sum.h"

/* One entry a line. */
/* clang-format off */
#define M2C_VECTOR_TABLE(cpu_level)                                                                \
    {                                                                                              \
        .level = (cpu_level),                                                                      \
        .layer_norm = layer_norm,                                                                  \
        .layer_norm_bf16 = layer_norm_bf16,                                                        \
        .residual_layer_norm = residual_layer_norm,                                                \
        .softmax = softmax,                                                                        \
        .add = add_rows,                                                                           \
        .bias = bias_rows,                                                                         \
        .bias_quick_gelu = bias_quick_gelu,                                                        \
        .bias_gelu = bias_gelu,                                                                    \
        .conv_time_run = conv_time_run,                                                                    \
        .conv_space_run = conv_space_run,                                                          \
        .attention = attention,                                                                    \
        .attention_gather = attention_gather,                                                      \
        .dot = dot,                                                                                \
        .widen_f16 = widen_f16,                                                                    \
        .widen_bf16 = widen_bf16,                                                                  \
        .narrow_bf16 = narrow_bf16,                                                                \
        .resize_row = resize_row,                                                                  \
        .resize_column = resize_column,                                                            \
        .normalize_rgb = normalize_rgb,                                                            \
    }
/* clang-format on */

#endif
