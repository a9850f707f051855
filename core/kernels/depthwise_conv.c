#include "kernels/reference.h"

#include <stdbool.h>

void m2c_conv_time_run_c(float *y, size_t ldy, const float *const taps[3], size_t ld, size_t rows,
                         const float *weight, const float *bias, size_t channels)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t c = 0; c < channels; c++) {
            float sum = bias[c];
            for (size_t k = 0; k < 3; k++)
                if (taps[k])
                    sum += weight[k * channels + c] * taps[k][row * ld + c];
            y[row * ldy + c] = sum;
        }
    }
}

/* One patch: a NULL neighbour is beyond the border, no `before` at all the first frame. */
static void convolve_patch(float *y, const float *const now[9], const float *const *before,
                           const struct m2c_space_conv *conv)
{
    for (size_t c = 0; c < conv->channels; c++) {
        float sum = conv->bias[c];
        for (size_t k = 0; k < 9; k++) {
            if (!now[k])
                continue;
            float difference = before ? now[k][c] - before[k][c] : 0.0F;
            sum += conv->weight[k * conv->channels + c] * (difference + conv->shift[c]);
        }
        y[c] = sum;
    }
}

/* The 3 x 3 neighbours of patch (row, column), NULL beyond the grid's border. */
static void window_of(const float *window[9], const float *frame, size_t ld, size_t grid,
                      size_t row, size_t column)
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            bool inside = row + i >= 1 && row + i <= grid && column + j >= 1 && column + j <= grid;
            size_t patch = inside ? (row + i - 1) * grid + column + j - 1 : 0;
            window[3 * i + j] = inside ? frame + patch * ld : NULL;
        }
    }
}

void m2c_conv_space_run_c(float *y, size_t ldy, const float *now, const float *before, size_t ld,
                          size_t first, size_t count, const struct m2c_space_conv *conv)
{
    for (size_t i = 0; i < count; i++) {
        const float *window[9];
        const float *window_before[9];
        size_t row = (first + i) / conv->grid;
        size_t column = (first + i) % conv->grid;
        window_of(window, now, ld, conv->grid, row, column);
        if (before)
            window_of(window_before, before, ld, conv->grid, row, column);
        convolve_patch(y + i * ldy, window, before ? window_before : NULL, conv);
    }
}
