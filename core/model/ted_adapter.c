#include "model/ted_adapter.h"

#include <string.h>

#include "kernels/kernels.h"

void m2c_ted_down(const struct m2c_ted_adapter *adapter, struct m2c_range rows, const float *x,
                  float *h, const struct m2c_member_scratch *scratch)
{
    size_t width = m2c_linear_in(adapter->down);
    size_t hidden = 2 * adapter->width;
    m2c_linear_apply(adapter->down, rows.end - rows.begin, x + rows.begin * width, width,
                     h + rows.begin * hidden, hidden, M2C_EPILOGUE_STORE, scratch->linear);
}

/* The rows at times t-1, t, t+1 of one token; NULL beyond the clip's ends. `h` is the token's row,
 * `step` floats lie between frames. */
static void time_taps(const float *h, size_t t, size_t frames, size_t step, const float *taps[3])
{
    taps[0] = t > 0 ? h - step : NULL;
    taps[1] = h;
    taps[2] = t + 1 < frames ? h + step : NULL;
}

/* The 3 x 3 neighbours of patch (y, x) in the row-major grid; NULL beyond its border. `h` is the
 * patch's own row, `ld` floats lie between rows. */
static void space_taps(const float *h, size_t y, size_t x, size_t grid, size_t ld,
                       const float *taps[9])
{
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 3; j++) {
            bool inside = y + i >= 1 && y + i <= grid && x + j >= 1 && x + j <= grid;
            ptrdiff_t offset =
                ((ptrdiff_t)i - 1) * (ptrdiff_t)(grid * ld) + ((ptrdiff_t)j - 1) * (ptrdiff_t)ld;
            taps[3 * i + j] = inside ? h + offset : NULL;
        }
    }
}

/* u = [DW1D(h) | DW2D(difference)] of one row; the difference part of a class token is zero. */
static void convolve_row(const struct m2c_ted_adapter *adapter, const struct m2c_frame_grid *grid,
                         size_t row, const float *h, float *u)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t width = adapter->width;
    size_t ld = 2 * width;
    size_t token = row % grid->tokens;
    size_t t = row / grid->tokens % grid->frames;
    size_t step = grid->tokens * ld;
    const float *own = h + row * ld;
    const float *taps[3];
    time_taps(own, t, grid->frames, step, taps);
    kernels->conv_time(u, taps, adapter->time_weight, adapter->time_bias, width);
    if (token == 0) {
        memset(u + width, 0, width * sizeof *u);
        return;
    }
    const float *now[9];
    const float *before[9];
    size_t y = (token - 1) / grid->grid;
    size_t x = (token - 1) % grid->grid;
    space_taps(own + width, y, x, grid->grid, ld, now);
    if (t > 0)
        space_taps(own - step + width, y, x, grid->grid, ld, before);
    kernels->conv_space(u + width, now, t > 0 ? before : NULL, adapter->space_weight,
                        adapter->shift, adapter->space_bias, width);
}

/* The up-projection's bias covers both terms; class tokens have but one. */
static void take_back_difference_bias(const struct m2c_ted_adapter *adapter, size_t tokens,
                                      struct m2c_range rows, float *x)
{
    size_t width = m2c_linear_out(adapter->up);
    size_t first = (rows.begin + tokens - 1) / tokens * tokens;
    for (size_t row = first; row < rows.end; row += tokens) {
        for (size_t c = 0; c < width; c++)
            x[row * width + c] -= adapter->difference_bias[c];
    }
}

void m2c_ted_up(const struct m2c_ted_adapter *adapter, const struct m2c_frame_grid *grid,
                struct m2c_range rows, const float *h, float *x,
                const struct m2c_member_scratch *scratch)
{
    size_t hidden = 2 * adapter->width;
    size_t width = m2c_linear_out(adapter->up);
    float *u = scratch->hidden;
    for (size_t i = 0;; i++) {
        struct m2c_range chunk = m2c_chunk(rows, i);
        size_t count = chunk.end - chunk.begin;
        if (count == 0)
            break;
        for (size_t r = 0; r < count; r++)
            convolve_row(adapter, grid, chunk.begin + r, h, u + r * hidden);
        m2c_linear_apply(adapter->up, count, u, hidden, x + chunk.begin * width, width,
                         M2C_EPILOGUE_ADD, scratch->linear);
    }
    take_back_difference_bias(adapter, grid->tokens, rows, x);
}

void m2c_frame_adapter_apply(const struct m2c_frame_adapter *adapter, size_t clips, size_t frames,
                             float *f, float *hidden, const struct m2c_member_scratch *scratch)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t width = adapter->width;
    size_t dim = m2c_linear_in(adapter->down);
    size_t rows = clips * frames;
    float *h = hidden;
    float *u = hidden + rows * width;
    m2c_linear_apply(adapter->down, rows, f, dim, h, width, M2C_EPILOGUE_STORE, scratch->linear);
    for (size_t row = 0; row < rows; row++) {
        const float *taps[3];
        time_taps(h + row * width, row % frames, frames, width, taps);
        kernels->conv_time(u + row * width, taps, adapter->time_weight, adapter->time_bias, width);
    }
    m2c_linear_apply(adapter->up, rows, u, width, f, dim, M2C_EPILOGUE_ADD, scratch->linear);
}
