#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check.h"

/* Products of order 1, up to nine of them: the sums are of order 10. */
static const struct check_tolerance tolerances[] = {
    [M2C_CPU_C] = {1e-5, 1e-6, "nine float products of up to 27, each sum rounded"},
    [M2C_CPU_AVX2] = {1e-5, 1e-6, "fused products round once less"},
    [M2C_CPU_AVX512] = {1e-5, 1e-6, "fused products round once less"},
};
/* For values of 1e17 only what is relative counts, and terms of both signs may cancel. */
static const struct check_tolerance huge_tolerance = {1e12, 1e-6, "2^-24 of terms of 1e17"};

enum { TAPS_MAX = 9 };

struct conv_case {
    size_t channels, taps;
    enum check_values values;
    const float *now[TAPS_MAX], *before[TAPS_MAX];
    float *weight, *shift, *bias;
    bool has_before;
};

static float *new_row(size_t channels, enum check_values values)
{
    float *row = check_floats(channels);
    check_fill(row, 1, channels, channels, values);
    return row;
}

/* Bit k of `present` says whether tap k is there. */
static struct conv_case conv_case_new(size_t channels, size_t taps, unsigned present,
                                      bool has_before, enum check_values values)
{
    struct conv_case c = {.channels = channels, .taps = taps, .values = values};
    c.has_before = has_before;
    for (size_t k = 0; k < taps; k++) {
        c.now[k] = present >> k & 1U ? new_row(channels, values) : NULL;
        c.before[k] = c.now[k] ? new_row(channels, values) : NULL;
    }
    c.weight = new_row(taps * channels, CHECK_NORMAL);
    c.shift = new_row(channels, CHECK_NORMAL);
    c.bias = new_row(channels, CHECK_NORMAL);
    return c;
}

static void conv_in_double(double *want, const struct conv_case *c, bool is_space)
{
    for (size_t i = 0; i < c->channels; i++) {
        want[i] = (double)c->bias[i];
        for (size_t k = 0; k < c->taps; k++) {
            if (!c->now[k])
                continue;
            double value = is_space ? (double)c->shift[i] : (double)c->now[k][i];
            if (is_space && c->has_before)
                value += (double)c->now[k][i] - (double)c->before[k][i];
            want[i] += (double)c->weight[k * c->channels + i] * value;
        }
    }
}

static void check_conv(const struct conv_case *c, bool is_space)
{
    double *want = check_doubles(c->channels);
    conv_in_double(want, c, is_space);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {is_space ? "conv_space" : "conv_time",
                                  check_values_name(c->values), kernels->level, c->channels};
        float *y = check_floats(c->channels);
        if (is_space)
            kernels->conv_space(y, c->now, c->has_before ? c->before : NULL, c->weight, c->shift,
                                c->bias, c->channels);
        else
            kernels->conv_time(y, c->now, c->weight, c->bias, c->channels);
        check_close(&site, y, c->channels, want, 1, c->channels,
                    c->values == CHECK_HUGE ? &huge_tolerance : &tolerances[level]);
        if (level == M2C_CPU_C)
            check_adopt(want, y, c->channels, 1, c->channels);
    }
    (void)check_release(NULL);
}

static void conv_time_agrees_with_any_padding(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        for (unsigned present = 0; present < 8; present++) {
            struct conv_case c = conv_case_new(check_sizes[s], 3, present, false, CHECK_NORMAL);
            check_conv(&c, false);
        }
    }
}

/* The corners, edges and middle of a grid, a grid of one patch, and nothing at all. */
static const unsigned windows[] = {0777, 0666, 0333, 0770, 0077, 0660, 0330, 0066, 0033, 0020, 0};

static void conv_space_agrees_with_any_padding(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t s = 0; s < check_size_count; s++) {
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
            struct conv_case c = conv_case_new(check_sizes[s], 9, windows[w], true, CHECK_NORMAL);
            check_conv(&c, true);
        }
    }
}

static void first_frame_has_the_shift_alone(void **state)
{
    (void)state;
    check_seed(3);
    for (size_t s = 0; s < check_size_count; s++) {
        for (size_t w = 0; w < sizeof windows / sizeof windows[0]; w++) {
            struct conv_case c = conv_case_new(check_sizes[s], 9, windows[w], false, CHECK_NAN);
            check_conv(&c, true);
        }
    }
}

static void convolutions_take_any_value(void **state)
{
    (void)state;
    check_seed(4);
    for (int values = CHECK_NORMAL; values < CHECK_OUTLIER; values++) {
        for (size_t s = 0; s < check_size_count; s++) {
            enum check_values kind = (enum check_values)values;
            struct conv_case space = conv_case_new(check_sizes[s], 9, 0777, true, kind);
            check_conv(&space, true);
            struct conv_case time = conv_case_new(check_sizes[s], 3, 7, false, kind);
            check_conv(&time, false);
        }
    }
}

/* Frames of grid x grid patches of `channels` floats, gaps between them. */
struct grid_case {
    struct m2c_space_conv conv;
    size_t ld;
    float *now, *before;
};

static struct grid_case grid_case_new(size_t grid, size_t channels)
{
    struct grid_case c = {.ld = channels + 3};
    size_t patches = grid * grid;
    c.now = check_floats((patches - 1) * c.ld + channels);
    c.before = check_floats((patches - 1) * c.ld + channels);
    check_fill(c.now, patches, channels, c.ld, CHECK_NORMAL);
    check_fill(c.before, patches, channels, c.ld, CHECK_NORMAL);
    c.conv = (struct m2c_space_conv){.grid = grid,
                                     .channels = channels,
                                     .weight = new_row(9 * channels, CHECK_NORMAL),
                                     .shift = new_row(channels, CHECK_NORMAL),
                                     .bias = new_row(channels, CHECK_NORMAL)};
    return c;
}

static void grid_in_double(double *want, const struct grid_case *c, bool has_before, size_t patch)
{
    const struct m2c_space_conv *conv = &c->conv;
    ptrdiff_t grid = (ptrdiff_t)conv->grid;
    for (size_t i = 0; i < conv->channels; i++) {
        want[i] = (double)conv->bias[i];
        for (ptrdiff_t k = 0; k < 9; k++) {
            ptrdiff_t row = (ptrdiff_t)patch / grid + k / 3 - 1;
            ptrdiff_t column = (ptrdiff_t)patch % grid + k % 3 - 1;
            if (row < 0 || row >= grid || column < 0 || column >= grid)
                continue;
            size_t at = (size_t)(row * grid + column) * c->ld + i;
            double difference = has_before ? (double)c->now[at] - (double)c->before[at] : 0;
            want[i] += (double)conv->weight[(size_t)k * conv->channels + i] *
                       (difference + (double)conv->shift[i]);
        }
    }
}

static void check_run(const struct grid_case *c, bool has_before, size_t first, size_t count)
{
    size_t channels = c->conv.channels;
    size_t ldy = channels + 5;
    double *want = check_doubles(count * channels);
    for (size_t i = 0; i < count; i++)
        grid_in_double(want + i * channels, c, has_before, first + i);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"conv_space_run", has_before ? "normal" : "first frame",
                                  kernels->level, channels};
        float *y = check_floats((count - 1) * ldy + channels);
        kernels->conv_space_run(y, ldy, c->now, has_before ? c->before : NULL, c->ld, first, count,
                                &c->conv);
        check_close(&site, y, ldy, want, count, channels, &tolerances[level]);
        if (level == M2C_CPU_C)
            check_adopt(want, y, ldy, count, channels);
    }
}

static void runs_agree_wherever_they_begin_and_end(void **state)
{
    static const size_t grids[] = {1, 2, 3, 4, 7};
    static const size_t widths[] = {1, 8, 17, 64, 77};
    (void)state;
    check_seed(5);
    for (size_t g = 0; g < sizeof grids / sizeof grids[0]; g++) {
        size_t patches = grids[g] * grids[g];
        for (size_t first = 0; first < patches; first++) {
            for (size_t count = 1; count <= patches - first; count++) {
                struct grid_case c = grid_case_new(grids[g], widths[(first + count) % 5]);
                check_run(&c, (first + count) % 3 != 0, first, count);
                (void)check_release(NULL);
            }
        }
    }
}

enum { BENCH_CHANNELS = 384 };

static void bench_time(const struct m2c_kernels *kernels, void *argument)
{
    const struct conv_case *c = argument;
    static _Alignas(64) float y[BENCH_CHANNELS];
    kernels->conv_time(y, c->now, c->weight, c->bias, c->channels);
}

static void bench_space(const struct m2c_kernels *kernels, void *argument)
{
    const struct conv_case *c = argument;
    static _Alignas(64) float y[BENCH_CHANNELS];
    kernels->conv_space(y, c->now, c->before, c->weight, c->shift, c->bias, c->channels);
}

static void bench_space_first(const struct m2c_kernels *kernels, void *argument)
{
    const struct conv_case *c = argument;
    static _Alignas(64) float y[BENCH_CHANNELS];
    kernels->conv_space(y, c->now, NULL, c->weight, c->shift, c->bias, c->channels);
}

enum { BENCH_GRID = 14, BENCH_PATCHES = BENCH_GRID * BENCH_GRID };

static void bench_run(const struct m2c_kernels *kernels, void *argument)
{
    const struct grid_case *c = argument;
    static _Alignas(64) float y[BENCH_PATCHES * BENCH_CHANNELS];
    kernels->conv_space_run(y, BENCH_CHANNELS, c->now, c->before, c->ld, 0, BENCH_PATCHES,
                            &c->conv);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(conv_time_agrees_with_any_padding, check_release),
        cmocka_unit_test_teardown(conv_space_agrees_with_any_padding, check_release),
        cmocka_unit_test_teardown(first_frame_has_the_shift_alone, check_release),
        cmocka_unit_test_teardown(runs_agree_wherever_they_begin_and_end, check_release),
        cmocka_unit_test_teardown(convolutions_take_any_value, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    struct conv_case time = conv_case_new(BENCH_CHANNELS, 3, 7, false, CHECK_NORMAL);
    check_bench("conv_time 384", BENCH_CHANNELS, bench_time, &time);
    struct conv_case space = conv_case_new(BENCH_CHANNELS, 9, 0777, true, CHECK_NORMAL);
    /* As in a frame of 14 x 14 patches: rows of the same place in different pages would share their
     * lines of the cache. */
    enum { LD = 2 * BENCH_CHANNELS, GRID = 14 };
    const float *frames = new_row((size_t)2 * LD * 3 * GRID, CHECK_NORMAL);
    for (size_t k = 0; k < 9; k++) {
        space.now[k] = frames + (k / 3 * GRID + k % 3) * LD;
        space.before[k] = space.now[k] + (size_t)LD * 3 * GRID;
    }
    check_bench("conv_space 384", BENCH_CHANNELS, bench_space, &space);
    check_bench("conv_space 384, frame 0", BENCH_CHANNELS, bench_space_first, &space);
    struct grid_case grid = {.ld = LD};
    grid.now = new_row((size_t)BENCH_PATCHES * LD, CHECK_NORMAL);
    grid.before = new_row((size_t)BENCH_PATCHES * LD, CHECK_NORMAL);
    grid.conv = (struct m2c_space_conv){.grid = BENCH_GRID,
                                        .channels = BENCH_CHANNELS,
                                        .weight = space.weight,
                                        .shift = space.shift,
                                        .bias = space.bias};
    check_bench("conv_space_run 196 x 384", (size_t)BENCH_PATCHES * BENCH_CHANNELS, bench_run,
                &grid);
    return check_release(NULL);
}
