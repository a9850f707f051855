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

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(conv_time_agrees_with_any_padding, check_release),
        cmocka_unit_test_teardown(conv_space_agrees_with_any_padding, check_release),
        cmocka_unit_test_teardown(first_frame_has_the_shift_alone, check_release),
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
    return check_release(NULL);
}
