#ifndef M2C_KERNELS_VECTOR_DEPTHWISE_CONV_H
#define M2C_KERNELS_VECTOR_DEPTHWISE_CONV_H

#include <stdbool.h>

#include "kernels/kernels.h"
#include "kernels/vector/lanes.h"

/* Rows of tokens at one time each, of which the taps that are there are kept: padding is dropped
 * once a run. */
struct time_run {
    float *y;
    size_t ldy;
    const float *tap[3], *weight[3];
    size_t taps, ld, rows;
    const float *bias;
};

/* n channels of one row, from channel c on. `taps` is a constant at every call. */
ALWAYS_INLINE void conv_time_lanes(const struct time_run *run, size_t taps, size_t row, size_t c,
                                   size_t n)
{
    vec sum = vec_load_lanes(run->bias + c, n);
    for (size_t k = 0; k < taps; k++)
        sum = vec_fma(vec_load_lanes(run->weight[k] + c, n),
                      vec_load_lanes(run->tap[k] + row * run->ld + c, n), sum);
    vec_store_lanes(run->y + row * run->ldy + c, sum, n);
}

/* Row after row, so that memory is read and written in order: that is what this waits for. */
ALWAYS_INLINE void conv_time_rows(const struct time_run *run, size_t taps, size_t channels)
{
    for (size_t row = 0; row < run->rows; row++) {
        size_t c = 0;
        for (; c + LANES <= channels; c += LANES)
            conv_time_lanes(run, taps, row, c, LANES);
        if (c < channels)
            conv_time_lanes(run, taps, row, c, channels - c);
    }
}

static void conv_time_run(float *y, size_t ldy, const float *const taps[3], size_t ld, size_t rows,
                          const float *weight, const float *bias, size_t channels)
{
    struct time_run run = {.y = y, .ldy = ldy, .ld = ld, .rows = rows, .bias = bias};
    for (size_t k = 0; k < 3; k++) {
        if (!taps[k])
            continue;
        run.tap[run.taps] = taps[k];
        run.weight[run.taps] = weight + k * channels;
        run.taps++;
    }
    if (run.taps == 3)
        conv_time_rows(&run, 3, channels);
    else if (run.taps == 2)
        conv_time_rows(&run, 2, channels);
    else if (run.taps == 1)
        conv_time_rows(&run, 1, channels);
    else
        conv_time_rows(&run, 0, channels);
}

/* What a weight of the spatial convolution is multiplied by. */
enum conv_term {
    CONV_DIFFERENCE, /* now - before + shift */
    CONV_SHIFT,      /* shift: the first frame, whose difference is zero */
};

/* Some neighbouring patches of one grid row. */
struct conv_stretch {
    float *y;
    size_t ldy;
    const float *now, *before; /* the frames' first patches */
    size_t ld;
    size_t row, begin, end; /* the grid row and the columns of the patches */
    const struct m2c_space_conv *conv;
};

/* What the window's weights are multiplied by in grid column x: the window's rows from first_row to
 * row_end, those inside the grid; the others stay 0. */
ALWAYS_INLINE void conv_column(vec column[3], const struct conv_stretch *s, size_t x, size_t c,
                               size_t n, vec shift, size_t first_row, size_t row_end,
                               enum conv_term term)
{
    for (size_t row = first_row; row < row_end; row++) {
        size_t at = ((s->row + row - 1) * s->conv->grid + x) * s->ld + c;
        column[row] = shift;
        if (term == CONV_DIFFERENCE)
            column[row] += vec_load_lanes(s->now + at, n) - vec_load_lanes(s->before + at, n);
    }
}

/* n channels from c on, all patches: weights stay in registers, and of the window only the column
 * that comes in on the right is loaded. The rows and `term` are constants at every call. */
ALWAYS_INLINE void conv_slide(const struct conv_stretch *s, size_t c, size_t n, size_t first_row,
                              size_t row_end, enum conv_term term)
{
    const vec zero = vec_set(0.0F);
    const vec shift = vec_load_lanes(s->conv->shift + c, n);
    const vec bias = vec_load_lanes(s->conv->bias + c, n);
    vec weight[9];
    vec left[3] = {zero, zero, zero};
    vec middle[3] = {zero, zero, zero};
    for (size_t k = 3 * first_row; k < 3 * row_end; k++)
        weight[k] = vec_load_lanes(s->conv->weight + k * s->conv->channels + c, n);
    if (s->begin > 0)
        conv_column(left, s, s->begin - 1, c, n, shift, first_row, row_end, term);
    conv_column(middle, s, s->begin, c, n, shift, first_row, row_end, term);
    for (size_t x = s->begin; x < s->end; x++) {
        vec right[3] = {zero, zero, zero};
        vec sum[2] = {bias, zero}; /* two chains of half the latency */
        if (x + 1 < s->conv->grid)
            conv_column(right, s, x + 1, c, n, shift, first_row, row_end, term);
        for (size_t row = first_row; row < row_end; row++) {
            sum[0] = vec_fma(weight[3 * row], left[row], sum[0]);
            sum[1] = vec_fma(weight[3 * row + 1], middle[row], sum[1]);
            sum[0] = vec_fma(weight[3 * row + 2], right[row], sum[0]);
            left[row] = middle[row];
            middle[row] = right[row];
        }
        vec_store_lanes(s->y + (x - s->begin) * s->ldy + c, sum[0] + sum[1], n);
    }
}

/* One copy of the loop for the middle of the grid, its top, its bottom, and a grid of one row. */
ALWAYS_INLINE void conv_rows(const struct conv_stretch *s, size_t c, size_t n, enum conv_term term)
{
    bool above = s->row > 0;
    bool below = s->row + 1 < s->conv->grid;
    if (above && below)
        conv_slide(s, c, n, 0, 3, term);
    else if (below)
        conv_slide(s, c, n, 1, 3, term);
    else if (above)
        conv_slide(s, c, n, 0, 2, term);
    else
        conv_slide(s, c, n, 1, 2, term);
}

/* Functions of their own: together they would need a large frame. */
static __attribute__((noinline)) void conv_whole_lanes(const struct conv_stretch *s, size_t c)
{
    conv_rows(s, c, LANES, CONV_DIFFERENCE);
}

static __attribute__((noinline)) void conv_last_lanes(const struct conv_stretch *s, size_t c,
                                                      size_t n)
{
    conv_rows(s, c, n, CONV_DIFFERENCE);
}

static __attribute__((noinline)) void conv_shift_lanes(const struct conv_stretch *s, size_t c,
                                                       size_t n)
{
    conv_rows(s, c, n, CONV_SHIFT);
}

static void conv_channels(const struct conv_stretch *s)
{
    size_t channels = s->conv->channels;
    for (size_t c = 0; c < channels; c += LANES) {
        size_t n = lanes_of(channels - c);
        if (!s->before)
            conv_shift_lanes(s, c, n);
        else if (n == LANES)
            conv_whole_lanes(s, c);
        else
            conv_last_lanes(s, c, n);
    }
}

static void conv_space_run(float *y, size_t ldy, const float *now, const float *before, size_t ld,
                           size_t first, size_t count, const struct m2c_space_conv *conv)
{
    size_t done = 0;
    while (done < count) {
        struct conv_stretch s = {.y = y + done * ldy, .ldy = ldy, .now = now, .before = before};
        s.ld = ld;
        s.conv = conv;
        s.row = (first + done) / conv->grid;
        s.begin = (first + done) % conv->grid;
        s.end = s.begin + (count - done);
        if (s.end > conv->grid)
            s.end = conv->grid;
        conv_channels(&s);
        done += s.end - s.begin;
    }
}

#endif
