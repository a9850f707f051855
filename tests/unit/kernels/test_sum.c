#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

static const struct check_tolerance exact = {0, 0, "one float sum, the same everywhere"};

static void check_add(size_t rows, size_t width, size_t gap, enum check_values values)
{
    size_t ld = width + gap;
    size_t count = (rows - 1) * ld + width;
    float *x = check_floats(count);
    float *before = check_floats(count);
    double *want = check_doubles(rows * width);
    check_fill(x, rows, width, ld, values);
    check_fill(before, rows, width, ld, values);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            want[row * width + i] = (double)(before[row * ld + i] + x[row * ld + i]);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"add", check_values_name(values), kernels->level, width};
        float *y = check_floats(count);
        memcpy(y, before, count * sizeof *y);
        kernels->add(y, ld, x, ld, rows, width);
        check_close(&site, y, ld, want, rows, width, &exact);
    }
    (void)check_release(NULL);
}

static void add_agrees_at_every_size_and_value(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        check_add(1, check_sizes[s], 0, CHECK_NORMAL);
        for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++)
            check_add(3, check_sizes[s], 5, (enum check_values)values);
    }
}

/* Relative to the sum of magnitudes: the terms may cancel. */
static struct check_tolerance dot_tolerance(const float *a, const float *b, size_t count,
                                            enum m2c_cpu_level level)
{
    double magnitudes = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(a[i]) && isfinite(b[i]))
            magnitudes += fabs((double)a[i] * (double)b[i]);
    if (level == M2C_CPU_C)
        return (struct check_tolerance){1e-45 + 1e-7 * magnitudes, 1e-7, "a sum in double"};
    return (struct check_tolerance){1e-38 + 5e-6 * magnitudes, 1e-7,
                                    "float partial sums of up to 3072 / 32 products"};
}

static void check_dot(size_t count, enum check_values values)
{
    float *a = check_floats(count);
    float *b = check_floats(count);
    double *want = check_doubles(1);
    check_fill(a, 1, count, count, values);
    check_fill(b, 1, count, count, values);
    want[0] = 0;
    for (size_t i = 0; i < count; i++)
        want[0] += (double)a[i] * (double)b[i];
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"dot", check_values_name(values), kernels->level, count};
        struct check_tolerance tolerance = dot_tolerance(a, b, count, kernels->level);
        float got = kernels->dot(a, b, count);
        check_close(&site, &got, 1, want, 1, 1, &tolerance);
        if (level == M2C_CPU_C)
            want[0] = (double)got;
    }
    (void)check_release(NULL);
}

static void dot_agrees_at_every_size_and_value(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t s = 0; s < check_size_count; s++)
        for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++)
            check_dot(check_sizes[s], (enum check_values)values);
}

enum { BENCH_ROWS = 64, BENCH_WIDTH = 768, BENCH_DOT = 512 };

static void bench_add(const struct m2c_kernels *kernels, void *argument)
{
    static _Alignas(64) float y[BENCH_ROWS * BENCH_WIDTH];
    kernels->add(y, BENCH_WIDTH, argument, BENCH_WIDTH, BENCH_ROWS, BENCH_WIDTH);
}

static void bench_dot(const struct m2c_kernels *kernels, void *argument)
{
    (void)kernels->dot(argument, argument, BENCH_DOT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(add_agrees_at_every_size_and_value, check_release),
        cmocka_unit_test_teardown(dot_agrees_at_every_size_and_value, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    size_t count = (size_t)BENCH_ROWS * BENCH_WIDTH;
    float *x = check_floats(count);
    check_fill(x, 1, count, count, CHECK_NORMAL);
    check_bench("add 64 x 768", count, bench_add, x);
    check_bench("dot 512", BENCH_DOT, bench_dot, x);
    return check_release(NULL);
}
