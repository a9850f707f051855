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

static float *new_row(size_t channels, enum check_values values)
{
    float *row = check_floats(channels);
    check_fill(row, 1, channels, channels, values);
    return row;
}

/* Tokens of `channels` floats at three times, gaps between them. */
struct time_case {
    size_t channels, rows, ld;
    enum check_values values;
    const float *taps[3];
    float *weight, *bias;
};

/* Bit k of `present` says whether tap k is there. */
static struct time_case time_case_new(size_t channels, size_t rows, unsigned present,
                                      enum check_values values)
{
    struct time_case c = {.channels = channels, .rows = rows, .ld = channels + 3};
    c.values = values;
    for (size_t k = 0; k < 3; k++) {
        if (!(present >> k & 1U))
            continue;
        float *tap = check_floats((rows - 1) * c.ld + channels);
        check_fill(tap, rows, channels, c.ld, values);
        c.taps[k] = tap;
    }
    c.weight = new_row(3 * channels, CHECK_NORMAL);
    c.bias = new_row(channels, CHECK_NORMAL);
    return c;
}

static void time_in_double(double *want, const struct time_case *c)
{
    for (size_t row = 0; row < c->rows; row++) {
        for (size_t i = 0; i < c->channels; i++) {
            double sum = (double)c->bias[i];
            for (size_t k = 0; k < 3; k++)
                if (c->taps[k])
                    sum += (double)c->weight[k * c->channels + i] *
                           (double)c->taps[k][row * c->ld + i];
            want[row * c->channels + i] = sum;
        }
    }
}

static void check_time(const struct time_case *c)
{
    size_t ldy = c->channels + 2;
    double *want = check_doubles(c->rows * c->channels);
    time_in_double(want, c);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"conv_time_run", check_values_name(c->values), kernels->level,
                                  c->channels};
        float *y = check_floats((c->rows - 1) * ldy + c->channels);
        kernels->conv_time_run(y, ldy, c->taps, c->ld, c->rows, c->weight, c->bias, c->channels);
        check_close(&site, y, ldy, want, c->rows, c->channels,
                    c->values == CHECK_HUGE ? &huge_tolerance : &tolerances[level]);
        if (level == M2C_CPU_C)
            check_adopt(want, y, ldy, c->rows, c->channels);
    }
    (void)check_release(NULL);
}

static void conv_time_run_agrees_with_any_padding(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        for (unsigned present = 0; present < 8; present++) {
            struct time_case c =
                time_case_new(check_sizes[s], 1 + (s + present) % 4, present, CHECK_NORMAL);
            check_time(&c);
        }
    }
}

/* Frames of grid x grid patches of `channels` floats, gaps between them. */
struct grid_case {
    struct m2c_space_conv conv;
    size_t ld;
    float *now, *before;
    enum check_values values;
};

static struct grid_case grid_case_new(size_t grid, size_t channels, enum check_values values)
{
    struct grid_case c = {.ld = channels + 3, .values = values};
    size_t patches = grid * grid;
    c.now = check_floats((patches - 1) * c.ld + channels);
    c.before = check_floats((patches - 1) * c.ld + channels);
    check_fill(c.now, patches, channels, c.ld, values);
    check_fill(c.before, patches, channels, c.ld, values);
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
        struct check_site site = {has_before ? "conv_space_run" : "conv_space_run, first frame",
                                  check_values_name(c->values), kernels->level, channels};
        float *y = check_floats((count - 1) * ldy + channels);
        kernels->conv_space_run(y, ldy, c->now, has_before ? c->before : NULL, c->ld, first, count,
                                &c->conv);
        check_close(&site, y, ldy, want, count, channels,
                    c->values == CHECK_HUGE ? &huge_tolerance : &tolerances[level]);
        if (level == M2C_CPU_C)
            check_adopt(want, y, ldy, count, channels);
    }
    (void)check_release(NULL);
}

/* Nine patches are the corners, edges and middle of a grid. */
static void conv_space_run_agrees_at_every_width(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t s = 0; s < check_size_count; s++) {
        struct grid_case c = grid_case_new(3, check_sizes[s], CHECK_NORMAL);
        check_run(&c, true, 0, 9);
    }
}

static void first_frame_has_the_shift_alone(void **state)
{
    (void)state;
    check_seed(3);
    for (size_t s = 0; s < check_size_count; s++) {
        struct grid_case c = grid_case_new(3, check_sizes[s], CHECK_NAN);
        check_run(&c, false, 0, 9);
    }
}

static void convolutions_take_any_value(void **state)
{
    (void)state;
    check_seed(4);
    for (int values = CHECK_NORMAL; values < CHECK_OUTLIER; values++) {
        for (size_t s = 0; s < check_size_count; s++) {
            enum check_values kind = (enum check_values)values;
            struct grid_case space = grid_case_new(3, check_sizes[s], kind);
            check_run(&space, true, 0, 9);
            struct time_case time = time_case_new(check_sizes[s], 2, 7, kind);
            check_time(&time);
        }
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
                struct grid_case c =
                    grid_case_new(grids[g], widths[(first + count) % 5], CHECK_NORMAL);
                check_run(&c, (first + count) % 3 != 0, first, count);
            }
        }
    }
}

enum { BENCH_CHANNELS = 384, BENCH_LD = 2 * BENCH_CHANNELS };
enum { BENCH_GRID = 14, BENCH_PATCHES = BENCH_GRID * BENCH_GRID };

/* Neighbouring frames in one array, as they lie behind a projection. */
struct bench_frames {
    const float *taps[3];
    float *y;
    struct m2c_space_conv conv;
};

static void bench_time(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_frames *frames = argument;
    kernels->conv_time_run(frames->y, BENCH_LD, frames->taps, BENCH_LD, BENCH_PATCHES,
                           frames->conv.weight, frames->conv.bias, BENCH_CHANNELS);
}

static void bench_space(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_frames *frames = argument;
    kernels->conv_space_run(frames->y, BENCH_LD, frames->taps[1], frames->taps[0], BENCH_LD, 0,
                            BENCH_PATCHES, &frames->conv);
}

static void bench_space_first(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_frames *frames = argument;
    kernels->conv_space_run(frames->y, BENCH_LD, frames->taps[0], NULL, BENCH_LD, 0, BENCH_PATCHES,
                            &frames->conv);
}

static int bench(void)
{
    const size_t frame = (size_t)BENCH_PATCHES * BENCH_LD;
    const size_t elements = (size_t)BENCH_PATCHES * BENCH_CHANNELS;
    const float *rows = new_row(3 * frame, CHECK_NORMAL);
    struct bench_frames frames = {.taps = {rows, rows + frame, rows + 2 * frame},
                                  .y = check_floats(frame),
                                  .conv = {.grid = BENCH_GRID,
                                           .channels = BENCH_CHANNELS,
                                           .weight = new_row(9 * BENCH_CHANNELS, CHECK_NORMAL),
                                           .shift = new_row(BENCH_CHANNELS, CHECK_NORMAL),
                                           .bias = new_row(BENCH_CHANNELS, CHECK_NORMAL)}};
    check_bench("time, 196 x 384", elements, bench_time, &frames);
    check_bench("space, 196 x 384", elements, bench_space, &frames);
    check_bench("space, 196 x 384, first", elements, bench_space_first, &frames);
    return check_release(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(conv_time_run_agrees_with_any_padding, check_release),
        cmocka_unit_test_teardown(conv_space_run_agrees_at_every_width, check_release),
        cmocka_unit_test_teardown(first_frame_has_the_shift_alone, check_release),
        cmocka_unit_test_teardown(runs_agree_wherever_they_begin_and_end, check_release),
        cmocka_unit_test_teardown(convolutions_take_any_value, check_release),
    };
    if (check_wants_bench(argc, argv))
        return bench();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
