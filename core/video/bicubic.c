#include "video/bicubic.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "runtime/cpu.h"

/* Keys' cubic convolution at distance `t` (0..1) from the second tap, in PyTorch's order of
 * operations. */
static void cubic_weights(float t, float weight[4])
{
    const float a = -0.75f;
    float u = t + 1.0f, v = 1.0f - t, w = v + 1.0f;
    weight[0] = ((a * u - 5.0f * a) * u + 8.0f * a) * u - 4.0f * a;
    weight[1] = ((a + 2.0f) * t - (a + 3.0f)) * t * t + 1.0f;
    weight[2] = ((a + 2.0f) * v - (a + 3.0f)) * v * v + 1.0f;
    weight[3] = ((a * w - 5.0f * a) * w + 8.0f * a) * w - 4.0f * a;
}

static int clamp(int value, int last)
{
    return value < 0 ? 0 : value > last ? last : value;
}

/* `step`: elements from one input to the next. Positions are computed in float, as PyTorch does:
 * its rounding is part of what a checkpoint has seen. */
static enum m2c_status init_axis(struct m2c_bicubic_axis *axis, int in, int out, int step,
                                 struct m2c_error *err)
{
    size_t taps = 4 * (size_t)out;
    axis->index = malloc(taps * sizeof *axis->index);
    axis->weight = malloc(taps * sizeof *axis->weight);
    if (!axis->index || !axis->weight)
        return m2c_fail_memory(err, "the resize tables", taps * sizeof *axis->weight);
    float scale = (float)in / (float)out;
    for (int i = 0; i < out; i++) {
        float position = scale * ((float)i + 0.5f) - 0.5f;
        float base = floorf(position);
        cubic_weights(position - base, axis->weight + 4 * (size_t)i);
        for (int k = 0; k < 4; k++)
            axis->index[4 * (size_t)i + (size_t)k] = clamp((int)base - 1 + k, in - 1) * step;
    }
    return M2C_OK;
}

enum m2c_status m2c_bicubic_init(struct m2c_resizer *resizer, struct m2c_error *err)
{
    size_t row_bytes = 3 * (size_t)resizer->in_width * sizeof(float);
    resizer->scratch = malloc(row_bytes);
    if (!resizer->scratch)
        return m2c_fail_memory(err, "a row", row_bytes);
    enum m2c_status status =
        init_axis(&resizer->bicubic_x, resizer->in_width, resizer->width, 3, err);
    return status ? status
                  : init_axis(&resizer->bicubic_y, resizer->in_height, resizer->height, 1, err);
}

/* y[i] = sum_{k<4} weight[k] * rows[k][i]. */
static inline __attribute__((always_inline)) void
combine_rows(float *restrict y, const uint8_t *const rows[4], const float weight[4], size_t count)
{
    const uint8_t *restrict a = rows[0], *restrict b = rows[1];
    const uint8_t *restrict c = rows[2], *restrict d = rows[3];
    float wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
    for (size_t i = 0; i < count; i++)
        y[i] = wa * (float)a[i] + wb * (float)b[i] + wc * (float)c[i] + wd * (float)d[i];
}

typedef void (*combine_function)(float *restrict y, const uint8_t *const rows[4],
                                 const float weight[4], size_t count);

static void combine_rows_c(float *restrict y, const uint8_t *const rows[4], const float weight[4],
                           size_t count)
{
    combine_rows(y, rows, weight, count);
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void combine_rows_avx2(float *restrict y,
                                                                  const uint8_t *const rows[4],
                                                                  const float weight[4],
                                                                  size_t count)
{
    combine_rows(y, rows, weight, count);
}
#endif

static combine_function best_combine(void)
{
#ifdef __x86_64__
    if (m2c_cpu_level() >= M2C_CPU_AVX2)
        return combine_rows_avx2;
#endif
    return combine_rows_c;
}

static void normalise_row(float *restrict y, float scale, float shift, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = y[i] * scale + shift;
}

void m2c_bicubic_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                     float *planes)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    combine_function combine = best_combine();
    float *row = resizer->scratch;
    size_t width = (size_t)resizer->width, plane = width * (size_t)resizer->height;
    for (size_t y = 0; y < (size_t)resizer->height; y++) {
        const uint8_t *rows[4];
        for (size_t k = 0; k < 4; k++)
            rows[k] = image->data + (size_t)resizer->bicubic_y.index[4 * y + k] * image->stride;
        combine(row, rows, resizer->bicubic_y.weight + 4 * y, 3 * (size_t)resizer->in_width);
        for (size_t c = 0; c < 3; c++) {
            float *out = planes + c * plane + y * width;
            kernels->resize_row(out, row + c, resizer->bicubic_x.index, resizer->bicubic_x.weight,
                                width);
            normalise_row(out, resizer->scale[c], resizer->shift[c], width);
        }
    }
}
