#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

/* Relative to the share itself: the least ones are as right as the greatest. */
static const struct check_tolerance tolerances[] = {
    [M2C_CPU_C] = {1e-44, 4e-6, "x - max and scale * it are rounded: 2^-24 of up to 40 each"},
    [M2C_CPU_AVX2] = {1e-37, 4e-6, "the exponent's product is rounded once; subnormal results"},
    [M2C_CPU_AVX512] = {1e-37, 4e-6, "the exponent's product is rounded once; subnormal results"},
};

/* Where x - max is exact, what remains is the exponential's own error: all levels against double.
 */
static const struct check_tolerance pair_tolerance = {
    3e-45, 5e-7, "exp to 2e-7, a sum, a division and a product; the last subnormal's rounding"};

static void softmax_in_double(double *want, const float *x, size_t ld, size_t rows, size_t width,
                              float scale)
{
    for (size_t row = 0; row < rows; row++) {
        double greatest = -INFINITY;
        double sum = 0;
        double *share = want + row * width;
        for (size_t i = 0; i < width; i++)
            greatest = fmax(greatest, (double)x[row * ld + i]);
        for (size_t i = 0; i < width; i++) {
            share[i] = exp((double)scale * ((double)x[row * ld + i] - greatest));
            sum += share[i];
        }
        for (size_t i = 0; i < width; i++)
            share[i] /= sum;
    }
}

/* Twins against what C gave, or all against double where `strict` says how closely. */
static void check_rows(const char *values, const float *x, size_t ld, size_t rows, size_t width,
                       float scale, const struct check_tolerance *strict)
{
    size_t count = (rows - 1) * ld + width;
    double *want = check_doubles(rows * width);
    softmax_in_double(want, x, ld, rows, width, scale);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"softmax", values, kernels->level, width};
        float *y = check_floats(count);
        memcpy(y, x, count * sizeof *y);
        kernels->softmax(y, ld, rows, width, scale);
        check_close(&site, y, ld, want, rows, width, strict ? strict : &tolerances[level]);
        if (level == M2C_CPU_C && !strict)
            check_adopt(want, y, ld, rows, width);
    }
}

static void check_softmax(size_t rows, size_t width, size_t gap, enum check_values values,
                          float scale)
{
    size_t ld = width + gap;
    float *x = check_floats((rows - 1) * ld + width);
    check_fill(x, rows, width, ld, values);
    check_rows(check_values_name(values), x, ld, rows, width, scale, NULL);
    (void)check_release(NULL);
}

static void softmax_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        check_softmax(1, check_sizes[s], 0, CHECK_NORMAL, 0.125F);
        check_softmax(3, check_sizes[s], 5, CHECK_NORMAL, 1.0F);
        check_softmax(2, check_sizes[s], 1, CHECK_NORMAL, 6.0F);
    }
}

static void softmax_takes_any_value(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t s = 0; s < check_size_count; s++) {
        check_softmax(2, check_sizes[s], 1, CHECK_HUGE, 1.0F);
        check_softmax(2, check_sizes[s], 1, CHECK_TINY, 1.0F);
        check_softmax(2, check_sizes[s], 1, CHECK_NAN, 1.0F);
        check_softmax(2, check_sizes[s], 1, CHECK_INF, 1.0F);
    }
}

/* Causal attention writes -inf where a row may not look. */
static void masked_entries_become_zero(void **state)
{
    (void)state;
    check_seed(3);
    for (size_t s = 0; s < check_size_count; s++) {
        size_t width = check_sizes[s];
        float *x = check_floats(width);
        check_fill(x, 1, width, width, CHECK_NORMAL);
        for (size_t i = (width + 1) / 2; i < width; i++)
            x[i] = -INFINITY;
        check_rows("masked", x, width, 1, width, 0.125F, NULL);
        (void)check_release(NULL);
    }
}

static void equal_entries_share_equally(void **state)
{
    (void)state;
    for (size_t s = 0; s < check_size_count; s++) {
        size_t width = check_sizes[s];
        float *x = check_floats(width);
        for (size_t i = 0; i < width; i++)
            x[i] = -12345.678F;
        check_rows("equal", x, width, 1, width, 3.0F, NULL);
        (void)check_release(NULL);
    }
}

/* One entry at 0 and one at -x sum to 1 + e^-x: the exponential at every order of size, down to
 * where it is a subnormal number and then nothing. */
static void exponential_is_right_over_its_range(void **state)
{
    (void)state;
    for (int step = 0; step < 8800; step++) {
        float *row = check_floats(2);
        row[0] = 0.0F;
        row[1] = (float)step * -0.0137F;
        check_rows("a pair", row, 2, 1, 2, 1.0F, &pair_tolerance);
        (void)check_release(NULL);
    }
}

enum { BENCH_ROWS = 197, BENCH_WIDTH = 197 };

static void bench_softmax(const struct m2c_kernels *kernels, void *argument)
{
    kernels->softmax(argument, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH, 0.125F);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(softmax_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(softmax_takes_any_value, check_release),
        cmocka_unit_test_teardown(masked_entries_become_zero, check_release),
        cmocka_unit_test_teardown(equal_entries_share_equally, check_release),
        cmocka_unit_test_teardown(exponential_is_right_over_its_range, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    size_t count = (size_t)BENCH_ROWS * BENCH_WIDTH;
    float *x = check_floats(count);
    check_fill(x, BENCH_ROWS, BENCH_WIDTH, BENCH_WIDTH, CHECK_NORMAL);
    check_bench("softmax 197 x 197", count, bench_softmax, x);
    return check_release(NULL);
}
