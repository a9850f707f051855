#include "video/antialias.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "runtime/checked.h"
#include "runtime/cpu.h"

enum {
    FRACTION_BITS = 22, /* of the weights: bytes times them, summed, fit 32 bits */
    TILE_ROWS = 16,     /* image rows that the horizontal pass takes together */
    TILE_PIXEL = 3 * TILE_ROWS,
};

/* Scratch of a run, one block in this order: */
struct scratch {
    int32_t *sums;   /* [3 * width] */
    uint8_t *narrow; /* [in_height, 3 * width]: after the horizontal pass */
    uint8_t *row;    /* [3 * width] */
    uint8_t *tile;   /* [in_width, 3, TILE_ROWS]: rows become the fastest index */
};

static struct scratch map_scratch(const struct m2c_resizer *resizer)
{
    size_t row = 3 * (size_t)resizer->width;
    struct scratch map = {.sums = resizer->scratch};
    map.narrow = (uint8_t *)(map.sums + row);
    map.row = map.narrow + row * (size_t)resizer->in_height;
    map.tile = map.row + row;
    return map;
}

static bool scratch_bytes(const struct m2c_resizer *resizer, size_t *bytes)
{
    size_t row = 3 * (size_t)resizer->width, narrow, tile, sum;
    return m2c_checked_multiply(row, (size_t)resizer->in_height + 1 + sizeof(int32_t), &narrow) &&
           m2c_checked_multiply((size_t)resizer->in_width, TILE_PIXEL, &tile) &&
           m2c_checked_add(narrow, tile, &sum) && ((*bytes = sum) > 0);
}

/* Keys' cubic convolution with a = -0.5. */
static double cubic(double x)
{
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0)
        return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

static void set_output(struct m2c_antialias_axis *axis, int i, int in, double scale, double *weight)
{
    double stretch = scale > 1.0 ? scale : 1.0, support = 2.0 * stretch;
    double centre = (i + 0.5) * scale, sum = 0.0;
    int start = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    start = start < 0 ? 0 : start;
    end = end > in ? in : end;
    for (int k = 0; k < end - start; k++) {
        weight[k] = cubic((start + k - centre + 0.5) / stretch);
        sum += weight[k];
    }
    int32_t *fixed = axis->weight + (size_t)i * (size_t)axis->max_taps;
    for (int k = 0; k < end - start; k++)
        fixed[k] = (int32_t)lround(weight[k] / sum * (1 << FRACTION_BITS));
    axis->start[i] = start;
    axis->taps[i] = end - start;
}

static enum m2c_status init_axis(struct m2c_antialias_axis *axis, int in, int out,
                                 struct m2c_error *err)
{
    double scale = (double)in / out, stretch = scale > 1.0 ? scale : 1.0;
    axis->max_taps = 2 * (int)ceil(2.0 * stretch) + 1;
    size_t count = (size_t)out, taps = (size_t)axis->max_taps;
    axis->start = calloc(count, sizeof *axis->start);
    axis->taps = calloc(count, sizeof *axis->taps);
    axis->weight = calloc(count * taps, sizeof *axis->weight);
    double *weight = calloc(taps, sizeof *weight);
    if (!axis->start || !axis->taps || !axis->weight || !weight) {
        free(weight);
        return m2c_fail_memory(err, "the resize tables", count * taps * sizeof *axis->weight);
    }
    for (int i = 0; i < out; i++)
        set_output(axis, i, in, scale, weight);
    free(weight);
    return M2C_OK;
}

enum m2c_status m2c_antialias_init(struct m2c_resizer *resizer, struct m2c_error *err)
{
    size_t bytes = 0;
    if (!scratch_bytes(resizer, &bytes) || !(resizer->scratch = malloc(bytes)))
        return m2c_fail_memory(err, "the resize buffers", bytes);
    enum m2c_status status =
        init_axis(&resizer->antialias_x, resizer->in_width, resizer->width, err);
    return status ? status
                  : init_axis(&resizer->antialias_y, resizer->in_height, resizer->height, err);
}

void m2c_antialias_axis_destroy(struct m2c_antialias_axis *axis)
{
    free(axis->start);
    free(axis->taps);
    free(axis->weight);
}

static inline uint8_t to_byte(int32_t sum)
{
    int32_t value = sum >> FRACTION_BITS;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* sums[i] = half + sum over taps of weight * pixels[i + tap * step]. */
static inline __attribute__((always_inline)) void weigh(int32_t *restrict sums,
                                                        const uint8_t *restrict pixels, size_t step,
                                                        const int32_t *restrict weight, int taps,
                                                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = 1 << (FRACTION_BITS - 1);
    for (int k = 0; k < taps; k++, pixels += step)
        for (size_t i = 0; i < count; i++)
            sums[i] += weight[k] * pixels[i];
}

/* `rows` <= TILE_ROWS rows of the image, side by side; missing ones repeat the last. */
static void fill_tile(uint8_t *restrict tile, const uint8_t *restrict from, size_t stride,
                      size_t rows, size_t row_bytes)
{
    for (size_t r = 0; r < TILE_ROWS; r++) {
        const uint8_t *row = from + (r < rows ? r : rows - 1) * stride;
        for (size_t i = 0; i < row_bytes; i++)
            tile[i * TILE_ROWS + r] = row[i];
    }
}

static inline __attribute__((always_inline)) void narrow_tile(const struct m2c_antialias_axis *axis,
                                                              const uint8_t *tile, size_t rows,
                                                              size_t width, uint8_t *out)
{
    int32_t sums[TILE_PIXEL];
    for (size_t x = 0; x < width; x++) {
        weigh(sums, tile + (size_t)axis->start[x] * TILE_PIXEL, TILE_PIXEL,
              axis->weight + x * (size_t)axis->max_taps, axis->taps[x], TILE_PIXEL);
        for (size_t c = 0; c < 3; c++)
            for (size_t r = 0; r < rows; r++)
                out[r * 3 * width + 3 * x + c] = to_byte(sums[c * TILE_ROWS + r]);
    }
}

static inline __attribute__((always_inline)) void
run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image, float *planes)
{
    struct scratch map = map_scratch(resizer);
    const struct m2c_kernels *kernels = m2c_kernels_get();
    const struct m2c_antialias_axis *axis = &resizer->antialias_y;
    size_t width = (size_t)resizer->width, height = (size_t)resizer->height;
    size_t in_height = (size_t)resizer->in_height, row = 3 * width;
    for (size_t y = 0; y < in_height; y += TILE_ROWS) {
        size_t rows = in_height - y < TILE_ROWS ? in_height - y : TILE_ROWS;
        fill_tile(map.tile, image->data + y * image->stride, image->stride, rows,
                  3 * (size_t)resizer->in_width);
        narrow_tile(&resizer->antialias_x, map.tile, rows, width, map.narrow + y * row);
    }
    for (size_t y = 0; y < height; y++) {
        weigh(map.sums, map.narrow + (size_t)axis->start[y] * row, row,
              axis->weight + y * (size_t)axis->max_taps, axis->taps[y], row);
        for (size_t i = 0; i < row; i++)
            map.row[i] = to_byte(map.sums[i]);
        float *const out[3] = {planes + y * width, planes + (height + y) * width,
                               planes + (2 * height + y) * width};
        kernels->normalize_rgb(out, map.row, resizer->scale, resizer->shift, width);
    }
}

#ifdef __x86_64__
__attribute__((target("avx2,fma"))) static void
run_avx2(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image, float *planes)
{
    run(resizer, image, planes);
}
#endif

void m2c_antialias_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                       float *planes)
{
#ifdef __x86_64__
    if (m2c_cpu_level() >= M2C_CPU_AVX2) {
        run_avx2(resizer, image, planes);
        return;
    }
#endif
    run(resizer, image, planes);
}
