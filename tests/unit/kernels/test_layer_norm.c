#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

static const float EPS = 1e-5F;

/* Results are of order 1 whatever the input's scale. */
static const struct check_tolerance tolerances[] = {
    [M2C_CPU_C] = {1e-6, 1e-6, "double statistics; one float product and one float sum"},
    [M2C_CPU_AVX2] = {1e-5, 1e-5, "float statistics over up to 3072 / 32 terms a partial sum"},
    [M2C_CPU_AVX512] = {1e-5, 1e-5, "float statistics over up to 3072 / 64 terms a partial sum"},
};

/* A mean of 100 times the deviation takes two digits from a float mean. */
static const struct check_tolerance outlier_tolerance = {
    2e-4, 1e-5, "the mean's last place, 1e-5 of a deviation, and its sum's rounding"};

struct norm_case {
    size_t rows, width, ld;
    enum check_values values;
    const float *x, *delta, *bias, *gamma, *beta;
};

static struct norm_case norm_case_new(size_t rows, size_t width, size_t gap,
                                      enum check_values values)
{
    struct norm_case c = {.rows = rows, .width = width, .ld = width + gap, .values = values};
    size_t count = (rows - 1) * c.ld + width;
    float *x = check_floats(count);
    float *delta = check_floats(count);
    float *bias = check_floats(width);
    float *gamma = check_floats(width);
    float *beta = check_floats(width);
    check_fill(x, rows, width, c.ld, values);
    check_fill(delta, rows, width, c.ld, CHECK_NORMAL);
    check_fill(bias, 1, width, width, CHECK_NORMAL);
    check_fill(gamma, 1, width, width, CHECK_NORMAL);
    check_fill(beta, 1, width, width, CHECK_NORMAL);
    c.x = x;
    c.delta = delta;
    c.bias = bias;
    c.gamma = gamma;
    c.beta = beta;
    return c;
}

/* want: [rows, width] in double, of x + delta + bias where these are not NULL. */
static void norm_in_double(double *want, const struct norm_case *c, const float *x)
{
    for (size_t row = 0; row < c->rows; row++) {
        const float *from = x + row * c->ld;
        double mean = 0;
        double variance = 0;
        for (size_t i = 0; i < c->width; i++)
            mean += (double)from[i] / (double)c->width;
        for (size_t i = 0; i < c->width; i++)
            variance += pow((double)from[i] - mean, 2) / (double)c->width;
        for (size_t i = 0; i < c->width; i++)
            want[row * c->width + i] =
                ((double)from[i] - mean) / sqrt(variance + (double)EPS) * (double)c->gamma[i] +
                (double)c->beta[i];
    }
}

static const struct check_tolerance *tolerance_of(const struct norm_case *c,
                                                  enum m2c_cpu_level level)
{
    return c->values == CHECK_OUTLIER && level != M2C_CPU_C ? &outlier_tolerance
                                                            : &tolerances[level];
}

static void check_layer_norm(size_t rows, size_t width, size_t gap, enum check_values values,
                             bool in_place)
{
    const struct norm_case c = norm_case_new(rows, width, gap, values);
    size_t count = (rows - 1) * c.ld + width;
    double *want = check_doubles(rows * width);
    norm_in_double(want, &c, c.x);
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"layer_norm", check_values_name(values), kernels->level, width};
        float *y = check_floats(count);
        if (in_place)
            memcpy(y, c.x, count * sizeof *y);
        kernels->layer_norm(y, c.ld, in_place ? y : c.x, c.ld, c.gamma, c.beta, rows, width, EPS);
        check_close(&site, y, c.ld, want, rows, width, tolerance_of(&c, kernels->level));
        if (level == M2C_CPU_C)
            check_adopt(want, y, c.ld, rows, width);
    }
    (void)check_release(NULL);
}

static void layer_norm_agrees_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t s = 0; s < check_size_count; s++) {
        check_layer_norm(1, check_sizes[s], 0, CHECK_NORMAL, false);
        check_layer_norm(3, check_sizes[s], 5, CHECK_NORMAL, false);
    }
}

/* Bit by bit what rounding the f32 kernel's result gives. */
static void check_layer_norm_bf16(size_t rows, size_t width, enum check_values values)
{
    const struct norm_case c = norm_case_new(rows, width, 3, values);
    const size_t ldy = width + 7;
    const size_t count = (rows - 1) * ldy + width;
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        float *y = check_floats(count);
        uint16_t *got = check_halves(count);
        uint16_t *want = check_halves(count);
        memset(got, 0x5A, count * sizeof *got);
        memset(want, 0x5A, count * sizeof *want);
        kernels->layer_norm(y, ldy, c.x, c.ld, c.gamma, c.beta, rows, width, EPS);
        for (size_t row = 0; row < rows; row++)
            kernels->narrow_bf16(want + row * ldy, y + row * ldy, width);
        kernels->layer_norm_bf16(got, ldy, c.x, c.ld, c.gamma, c.beta, rows, width, EPS);
        assert_memory_equal(got, want, count * sizeof *got);
    }
    (void)check_release(NULL);
}

static void layer_norm_bf16_is_layer_norm_rounded(void **state)
{
    (void)state;
    check_seed(7);
    for (size_t s = 0; s < check_size_count; s++)
        for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++)
            check_layer_norm_bf16(1 + s % 3, check_sizes[s], (enum check_values)values);
}

static void layer_norm_works_in_place(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t s = 0; s < check_size_count; s++)
        check_layer_norm(2, check_sizes[s], 3, CHECK_NORMAL, true);
}

static void layer_norm_takes_any_value(void **state)
{
    (void)state;
    check_seed(3);
    for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++)
        for (size_t s = 0; s < check_size_count; s++)
            check_layer_norm(2, check_sizes[s], 1, (enum check_values)values, false);
}

/* Which of the two optional terms are given. */
static void check_residual(size_t rows, size_t width, bool with_delta, bool with_bias)
{
    const struct norm_case c = norm_case_new(rows, width, 2, CHECK_NORMAL);
    size_t count = (rows - 1) * c.ld + width;
    const float *delta = with_delta ? c.delta : NULL;
    const float *bias = with_bias ? c.bias : NULL;
    float *sum = check_floats(count);
    double *want_sum = check_doubles(rows * width);
    double *want = check_doubles(rows * width);
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < width; i++) {
            float value = c.x[row * c.ld + i];
            value += with_delta ? delta[row * c.ld + i] : 0.0F;
            value += with_bias ? bias[i] : 0.0F;
            sum[row * c.ld + i] = value;
        }
    }
    check_adopt(want_sum, sum, c.ld, rows, width);
    norm_in_double(want, &c, sum);
    const struct check_tolerance exact = {0, 0, "the same two float sums in the same order"};
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {"residual_layer_norm", "normal", kernels->level, width};
        float *x = check_floats(count);
        float *y = check_floats(count);
        memcpy(x, c.x, count * sizeof *x);
        kernels->residual_layer_norm(y, c.ld, x, c.ld, delta, c.ld, bias, c.gamma, c.beta, rows,
                                     width, EPS);
        check_close(&site, x, c.ld, want_sum, rows, width, &exact);
        check_close(&site, y, c.ld, want, rows, width, &tolerances[level]);
        kernels->residual_layer_norm(x, c.ld, x, c.ld, NULL, 0, NULL, c.gamma, c.beta, rows, width,
                                     EPS);
        check_close(&site, x, c.ld, want, rows, width, &tolerances[level]);
    }
    (void)check_release(NULL);
}

static void residual_sum_is_kept_and_normalized(void **state)
{
    (void)state;
    check_seed(4);
    for (size_t s = 0; s < check_size_count; s++)
        for (int terms = 0; terms < 4; terms++)
            check_residual(3, check_sizes[s], (terms & 1) != 0, (terms & 2) != 0);
}

enum { BENCH_ROWS = 64, BENCH_WIDTH = 768 };

static void bench_layer_norm(const struct m2c_kernels *kernels, void *argument)
{
    const struct norm_case *c = argument;
    static _Alignas(64) float y[BENCH_ROWS * BENCH_WIDTH];
    kernels->layer_norm(y, c->width, c->x, c->ld, c->gamma, c->beta, c->rows, c->width, EPS);
}

static void bench_layer_norm_bf16(const struct m2c_kernels *kernels, void *argument)
{
    const struct norm_case *c = argument;
    static uint16_t y[BENCH_ROWS * BENCH_WIDTH];
    kernels->layer_norm_bf16(y, BENCH_WIDTH, c->x, c->ld, c->gamma, c->beta, c->rows, c->width,
                             EPS);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(layer_norm_agrees_at_every_size, check_release),
        cmocka_unit_test_teardown(layer_norm_works_in_place, check_release),
        cmocka_unit_test_teardown(layer_norm_bf16_is_layer_norm_rounded, check_release),
        cmocka_unit_test_teardown(layer_norm_takes_any_value, check_release),
        cmocka_unit_test_teardown(residual_sum_is_kept_and_normalized, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    struct norm_case c = norm_case_new(BENCH_ROWS, BENCH_WIDTH, 0, CHECK_NORMAL);
    check_bench("layer_norm 64 x 768", (size_t)BENCH_ROWS * BENCH_WIDTH, bench_layer_norm, &c);
    check_bench("layer_norm_bf16 64 x 768", (size_t)BENCH_ROWS * BENCH_WIDTH, bench_layer_norm_bf16,
                &c);
    return check_release(NULL);
}
