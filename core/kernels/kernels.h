/* The kernel table: everything between the matrix products.
 *
 * A C reference of each kernel, vectorised twins in x86/, one table per level; m2c_kernels_get
 * picks by processor and cap. Kernels cannot fail, allocate nothing and run on any thread. Matrices
 * are f32 row-major; `ld*` is the distance between rows in floats. Arrays need no alignment.
 */
#ifndef M2C_KERNELS_H
#define M2C_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/cpu.h"

/* A depthwise 3 x 3 convolution over a square grid of patches. Borrowed arrays. */
struct m2c_space_conv {
    size_t grid, channels;
    const float *weight; /* [9, channels], row-major window */
    const float *shift;  /* [channels], the down-projection's bias */
    const float *bias;   /* [channels] */
};

struct m2c_attention;

struct m2c_kernels {
    enum m2c_cpu_level level;

    /* y = (x - mean) / sqrt(var + eps) * gamma + beta per row, population variance (Ba et al.
     * 2016). x, y: [rows, width], may be the same array; |x| < 1e18, whose square is still a float.
     * gamma, beta: [width]. */
    void (*layer_norm)(float *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                       const float *beta, size_t rows, size_t width, float eps);

    /* The same with y rounded to bfloat16 as narrow_bf16 does, `ldy` numbers between its rows: what
     * a bfloat16 product reads next, in half the memory. */
    void (*layer_norm_bf16)(uint16_t *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                            const float *beta, size_t rows, size_t width, float eps);

    /* x <- x + delta + bias, then y = layer_norm(x): the residual sum and the next norm in one pass
     * over a row that is still in cache. delta: [rows, width]; delta or bias may be NULL and is
     * left out. y may be x (the sum is lost then). The rest as in layer_norm. */
    void (*residual_layer_norm)(float *y, size_t ldy, float *x, size_t ldx, const float *delta,
                                size_t ld_delta, const float *bias, const float *gamma,
                                const float *beta, size_t rows, size_t width, float eps);

    /* x <- softmax(scale * x) per row, the row's maximum subtracted first; scale > 0. -inf is a
     * masked entry and becomes 0; a NaN, a +inf or nothing but -inf makes the row NaN.
     * x: [rows, width]. */
    void (*softmax)(float *x, size_t ldx, size_t rows, size_t width, float scale);

    /* y <- y + x. x, y: [rows, width]. */
    void (*add)(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t width);

    /* x <- x + bias per row. bias: [width]. */
    void (*bias)(float *x, size_t ldx, const float *bias, size_t rows, size_t width);

    /* x <- q(x + bias), q(z) = z * sigmoid(1.702 z) (CLIP's QuickGELU). */
    void (*bias_quick_gelu)(float *x, size_t ldx, const float *bias, size_t rows, size_t width);

    /* x <- g(x + bias), g(z) = z * (1 + erf(z / sqrt 2)) / 2 (exact GELU). */
    void (*bias_gelu)(float *x, size_t ldx, const float *bias, size_t rows, size_t width);

    /* Depthwise convolution over time, width 3, of `rows` tokens: y[row][c] = bias[c] +
     * sum_k weight[k][c] * taps[k][row][c]. taps[k]: [rows, channels] at time k - 1 relative to
     * y's, `ld` floats between tokens; NULL is zero padding. weight: [3, channels]. */
    void (*conv_time_run)(float *y, size_t ldy, const float *const taps[3], size_t ld, size_t rows,
                          const float *weight, const float *bias, size_t channels);

    /* Depthwise 3 x 3 convolution over the patch grid of the frame difference (m2clip: TED-Adapter,
     * d_t), for `count` patches from patch `first` on in row-major order: y[i][c] = bias[c] +
     * sum_k weight[k][c] * (now[k][c] - before[k][c] + shift[c]) over the neighbours k of patch
     * first + i that lie in the grid. `before` NULL is the first frame: the difference is zero and
     * a term is weight[k][c] * shift[c]. y: [count, channels]; now, before: [grid * grid, channels]
     * of this frame and the one before, `ld` floats between patches. Patches share their
     * neighbours, which makes a run three times as fast as patch by patch. */
    void (*conv_space_run)(float *y, size_t ldy, const float *now, const float *before, size_t ld,
                           size_t first, size_t count, const struct m2c_space_conv *conv);

    /* What m2c_attention_run and m2c_attention_gather call (kernels/attention.h) where bfloat16 is
     * not asked for. */
    void (*attention)(const struct m2c_attention *attention, float *scratch);
    void (*attention_gather)(const float *q, const float *const *k, const float *const *v,
                             size_t keys, size_t head_dim, float *out, float *scores);

    /* sum a[i] * b[i]. */
    float (*dot)(const float *a, const float *b, size_t count);

    /* Half and bfloat16 to float, exact. */
    void (*widen_f16)(float *y, const uint16_t *x, size_t count);
    void (*widen_bf16)(float *y, const uint16_t *x, size_t count);

    /* Float to bfloat16, to the nearest, ties to even; a NaN stays a (quiet) NaN. */
    void (*narrow_bf16)(uint16_t *y, const float *x, size_t count);

    /* One output row of the bicubic resize, horizontal pass: y[i] = sum_{k<4} weight[i][k] *
     * x[index[i][k]]. x: one row of a plane; index, weight: [count, 4], indices clamped by the
     * caller (PyTorch's interpolate: a = -0.75, no anti-aliasing). */
    void (*resize_row)(float *y, const float *x, const int32_t *index, const float *weight,
                       size_t count);

    /* Vertical pass: y[i] = sum_{k<4} weight[k] * rows[k][i]. */
    void (*resize_column)(float *y, const float *const rows[4], const float weight[4],
                          size_t count);

    /* Packed 8-bit RGB to three f32 planes: plane[c][i] = rgb[3 i + c] * scale[c] + shift[c], where
     * scale = 1 / (255 std) and shift = -mean / std. */
    void (*normalize_rgb)(float *const plane[3], const uint8_t *rgb, const float scale[3],
                          const float shift[3], size_t count);
};

/* The table of the highest level available (m2c_cpu_level), or of a given level no higher than
 * that (NULL if this processor lacks it). Static storage; any thread. */
const struct m2c_kernels *m2c_kernels_get(void);
const struct m2c_kernels *m2c_kernels_at(enum m2c_cpu_level level);

#endif
