#include "model/ted_adapter.h"

#include <assert.h>
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

/* The rows at times t-1, t, t+1 of a frame's tokens; NULL beyond the clip's ends. `h` is the first
 * token's row, `step` floats lie between frames. */
static void time_taps(const float *h, size_t t, size_t frames, size_t step, const float *taps[3])
{
    taps[0] = t > 0 ? h - step : NULL;
    taps[1] = h;
    taps[2] = t + 1 < frames ? h + step : NULL;
}

/* u = [DW1D(h) | DW2D(difference)] of rows that lie in one frame; the difference part of a class
 * token is zero. u: [rows, 2Ca]. */
static void convolve_frame(const struct m2c_ted_adapter *adapter, const struct m2c_frame_grid *grid,
                           struct m2c_range rows, const float *h, float *u)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t width = adapter->width;
    size_t ld = 2 * width;
    size_t count = rows.end - rows.begin;
    size_t token = rows.begin % grid->tokens;
    size_t t = rows.begin / grid->tokens % grid->frames;
    size_t step = grid->tokens * ld;
    const struct m2c_space_conv conv = {.grid = grid->grid,
                                        .channels = width,
                                        .weight = adapter->space_weight,
                                        .shift = adapter->shift,
                                        .bias = adapter->space_bias};
    const float *taps[3];
    time_taps(h + rows.begin * ld, t, grid->frames, step, taps);
    kernels->conv_time_run(u, ld, taps, ld, count, adapter->time_weight, adapter->time_bias, width);
    if (token == 0) {
        memset(u + width, 0, width * sizeof *u);
        u += ld;
        token++;
        count--;
    }
    if (count == 0)
        return;
    const float *patches = h + (rows.begin / grid->tokens * grid->tokens + 1) * ld + width;
    kernels->conv_space_run(u + width, ld, patches, t > 0 ? patches - step : NULL, ld, token - 1,
                            count, &conv);
}

/* The same of any rows, frame by frame. */
static void convolve(const struct m2c_ted_adapter *adapter, const struct m2c_frame_grid *grid,
                     struct m2c_range rows, const float *h, float *u)
{
    while (rows.begin < rows.end) {
        size_t frame_end = (rows.begin / grid->tokens + 1) * grid->tokens;
        struct m2c_range part = {.begin = rows.begin,
                                 .end = frame_end < rows.end ? frame_end : rows.end};
        convolve_frame(adapter, grid, part, h, u);
        u += (part.end - part.begin) * 2 * adapter->width;
        rows.begin = part.end;
    }
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
        convolve(adapter, grid, chunk, h, u);
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
    assert(frames > 0);
    float *h = hidden;
    float *u = hidden + rows * width;
    m2c_linear_apply(adapter->down, rows, f, dim, h, width, M2C_EPILOGUE_STORE, scratch->linear);
    for (size_t row = 0; row < rows; row++) {
        const float *taps[3];
        time_taps(h + row * width, row % frames, frames, width, taps);
        kernels->conv_time_run(u + row * width, width, taps, width, 1, adapter->time_weight,
                               adapter->time_bias, width);
    }
    m2c_linear_apply(adapter->up, rows, u, width, f, dim, M2C_EPILOGUE_ADD, scratch->linear);
}
