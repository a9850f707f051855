#include "train/crop_sampler.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"

enum { TAPS = 4, PLANES = 3 };

/* Keys' cubic convolution at distance `t` (0..1) from the second tap. */
static void cubic_weights(double t, float weight[TAPS])
{
    const double a = -0.75;
    double distances[TAPS] = {t + 1, t, 1 - t, 2 - t};
    for (size_t k = 0; k < TAPS; k++) {
        double d = distances[k];
        double value = d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                              : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
        weight[k] = (float)value;
    }
}

/* One axis of a crop: `extent` pixels from `begin` on become `size`. */
struct span {
    double begin, extent;
    size_t first, last; /* pixels that may be read */
    bool mirror;
};

static void set_axis(const struct span *span, size_t size, int32_t *index, float *weight)
{
    double scale = span->extent / (double)size;
    for (size_t i = 0; i < size; i++) {
        size_t place = span->mirror ? size - 1 - i : i;
        double position = span->begin + scale * ((double)i + 0.5) - 0.5;
        double base = floor(position);
        cubic_weights(position - base, weight + TAPS * place);
        for (size_t k = 0; k < TAPS; k++) {
            double pixel =
                fmin(fmax(base - 1 + (double)k, (double)span->first), (double)span->last);
            index[TAPS * place + k] = (int32_t)pixel;
        }
    }
}

static struct span span_of(double begin, double extent, bool bounded, size_t length)
{
    struct span span = {.begin = begin, .extent = extent, .last = length - 1};
    if (bounded) {
        span.first = (size_t)fmax(floor(begin), 0);
        span.last = (size_t)fmin(ceil(begin + extent) - 1, (double)(length - 1));
    }
    return span;
}

enum m2c_status trn_crop_sampler_init(struct trn_crop_sampler *sampler, const struct trn_crop *crop,
                                      size_t width, size_t height, size_t size,
                                      struct m2c_error *err)
{
    struct span across = span_of(crop->left, crop->width, crop->bounded, width);
    struct span down = span_of(crop->top, crop->height, crop->bounded, height);
    *sampler = (struct trn_crop_sampler){.size = size, .width = width, .height = height};
    sampler->across = calloc(TAPS * size, sizeof *sampler->across);
    sampler->down = calloc(TAPS * size, sizeof *sampler->down);
    sampler->across_weight = calloc(TAPS * size, sizeof *sampler->across_weight);
    sampler->down_weight = calloc(TAPS * size, sizeof *sampler->down_weight);
    sampler->row = calloc(width, sizeof *sampler->row);
    if (!sampler->across || !sampler->down || !sampler->across_weight || !sampler->down_weight ||
        !sampler->row) {
        trn_crop_sampler_destroy(sampler);
        return m2c_fail_memory(err, "a crop's tables", 4 * TAPS * size * sizeof(float));
    }
    across.mirror = crop->mirror;
    set_axis(&across, size, sampler->across, sampler->across_weight);
    set_axis(&down, size, sampler->down, sampler->down_weight);
    return M2C_OK;
}

void trn_crop_sample(const struct trn_crop_sampler *sampler, const struct m2c_image *frame,
                     float *planes)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t size = sampler->size;
    for (size_t plane = 0; plane < PLANES; plane++) {
        const float *source = frame->data + plane * frame->plane_stride;
        for (size_t y = 0; y < size; y++) {
            const float *rows[TAPS];
            for (size_t k = 0; k < TAPS; k++)
                rows[k] = source + (size_t)sampler->down[TAPS * y + k] * frame->row_stride;
            kernels->resize_column(sampler->row, rows, sampler->down_weight + TAPS * y,
                                   sampler->width);
            kernels->resize_row(planes + (plane * size + y) * size, sampler->row, sampler->across,
                                sampler->across_weight, size);
        }
    }
}

void trn_crop_sampler_destroy(struct trn_crop_sampler *sampler)
{
    free(sampler->across);
    free(sampler->down);
    free(sampler->across_weight);
    free(sampler->down_weight);
    free(sampler->row);
    *sampler = (struct trn_crop_sampler){0};
}
