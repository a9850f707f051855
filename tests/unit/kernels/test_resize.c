#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "check.h"

/* Four products of up to 3 by weights of up to 1. */
static const struct check_tolerance tolerances[] = {
    [M2C_CPU_C] = {2e-6, 1e-6, "four float products and three float sums"},
    [M2C_CPU_AVX2] = {2e-6, 1e-6, "another order of the same sums"},
    [M2C_CPU_AVX512] = {2e-6, 1e-6, "another order of the same sums"},
};
static const struct check_tolerance huge_tolerance = {1e11, 1e-6, "2^-24 of terms of 1e17"};

static const struct check_tolerance *tolerance_of(enum check_values values,
                                                  enum m2c_cpu_level level)
{
    return values == CHECK_HUGE ? &huge_tolerance : &tolerances[level];
}

/* Keys' cubic convolution, a = -0.75, for the four neighbours at distance 1 + t, t, 1 - t, 2 - t.
 */
static void cubic_weights(float weight[4], double t)
{
    const double a = -0.75;
    const double distance[4] = {1 + t, t, 1 - t, 2 - t};
    for (size_t k = 0; k < 4; k++) {
        double d = distance[k];
        weight[k] = (float)(d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1
                                   : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a);
    }
}

/* A row of `from` pixels to one of `count`, half-pixel centres, borders clamped. */
static void plan_row(int32_t *index, float *weight, size_t from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        double centre = ((double)i + 0.5) * (double)from / (double)count - 0.5;
        double whole = floor(centre);
        cubic_weights(weight + 4 * i, centre - whole);
        for (int k = 0; k < 4; k++) {
            double at = fmin(fmax(whole + k - 1, 0), (double)from - 1);
            index[4 * i + (size_t)k] = (int32_t)at;
        }
    }
}

static void check_row(size_t from, size_t count, enum check_values values)
{
    float *x = check_floats(from);
    int32_t *index = check_ints(4 * count);
    float *weight = check_floats(4 * count);
    double *want = check_doubles(count);
    check_fill(x, 1, from, from, values);
    plan_row(index, weight, from, count);
    for (size_t i = 0; i < count; i++) {
        want[i] = 0;
        for (size_t k = 0; k < 4; k++)
            want[i] += (double)weight[4 * i + k] * (double)x[index[4 * i + k]];
    }
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"resize_row", check_values_name(values), kernels->level, count};
        float *y = check_floats(count);
        kernels->resize_row(y, x, index, weight, count);
        check_close(&site, y, count, want, 1, count, tolerance_of(values, kernels->level));
        if (level == M2C_CPU_C)
            check_adopt(want, y, count, 1, count);
    }
    (void)check_release(NULL);
}

static void resize_row_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        size_t count = check_sizes[s];
        check_row(count, count, CHECK_NORMAL);
        check_row(count * 3 + 1, count, CHECK_NORMAL);
        check_row(count / 2 + 1, count, CHECK_NORMAL);
        check_row(1, count, CHECK_NORMAL);
        check_row(3, count, CHECK_NORMAL);
    }
    check_row(340, 297, CHECK_NORMAL);
    check_row(1920, 398, CHECK_NORMAL);
}

static void resize_row_takes_any_value(void **state)
{
    (void)state;
    check_seed(2);
    for (int values = CHECK_NORMAL; values < CHECK_OUTLIER; values++)
        for (size_t s = 0; s < check_size_count; s++)
            check_row(check_sizes[s] + 3, check_sizes[s], (enum check_values)values);
}

static void check_column(size_t count, enum check_values values)
{
    const float *rows[4];
    float weight[4];
    double *want = check_doubles(count);
    cubic_weights(weight, 0.3);
    for (size_t k = 0; k < 4; k++) {
        float *row = check_floats(count);
        check_fill(row, 1, count, count, values);
        rows[k] = row;
    }
    for (size_t i = 0; i < count; i++) {
        want[i] = 0;
        for (size_t k = 0; k < 4; k++)
            want[i] += (double)weight[k] * (double)rows[k][i];
    }
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"resize_column", check_values_name(values), kernels->level,
                                  count};
        float *y = check_floats(count);
        kernels->resize_column(y, rows, weight, count);
        check_close(&site, y, count, want, 1, count, tolerance_of(values, kernels->level));
        if (level == M2C_CPU_C)
            check_adopt(want, y, count, 1, count);
    }
    (void)check_release(NULL);
}

static void resize_column_agrees_at_every_size_and_value(void **state)
{
    (void)state;
    check_seed(3);
    for (int values = CHECK_NORMAL; values < CHECK_OUTLIER; values++)
        for (size_t s = 0; s < check_size_count; s++)
            check_column(check_sizes[s], (enum check_values)values);
}

enum { BENCH_FROM = 1920, BENCH_COUNT = 398 };

struct bench_case {
    float *x, *weight;
    int32_t *index;
};

static _Alignas(64) float bench_output[BENCH_FROM];

static void bench_row(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_case *c = argument;
    kernels->resize_row(bench_output, c->x, c->index, c->weight, BENCH_COUNT);
}

static void bench_column(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_case *c = argument;
    const size_t ld = BENCH_FROM;
    const float *const rows[4] = {c->x, c->x + ld, c->x + 2 * ld, c->x + 3 * ld};
    kernels->resize_column(bench_output, rows, c->weight, BENCH_FROM);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(resize_row_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(resize_row_takes_any_value, check_release),
        cmocka_unit_test_teardown(resize_column_agrees_at_every_size_and_value, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    struct bench_case c = {check_floats((size_t)4 * BENCH_FROM),
                           check_floats((size_t)4 * BENCH_COUNT),
                           check_ints((size_t)4 * BENCH_COUNT)};
    check_fill(c.x, 4, BENCH_FROM, BENCH_FROM, CHECK_NORMAL);
    plan_row(c.index, c.weight, BENCH_FROM, BENCH_COUNT);
    check_bench("resize_row 1920 to 398", BENCH_COUNT, bench_row, &c);
    check_bench("resize_column 1920", BENCH_FROM, bench_column, &c);
    return check_release(NULL);
}
