#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

struct activation {
    const char *name;
    void (*call)(const struct m2c_kernels *kernels, float *x, size_t ldx, const float *bias,
                 size_t rows, size_t width);
    double (*in_double)(double z);
    struct check_tolerance of_c;     /* against double */
    struct check_tolerance of_twin;  /* against C */
    struct check_tolerance of_range; /* a twin against double */
};

static void call_bias(const struct m2c_kernels *kernels, float *x, size_t ldx, const float *bias,
                      size_t rows, size_t width)
{
    kernels->bias(x, ldx, bias, rows, width);
}

static void call_quick_gelu(const struct m2c_kernels *kernels, float *x, size_t ldx,
                            const float *bias, size_t rows, size_t width)
{
    kernels->bias_quick_gelu(x, ldx, bias, rows, width);
}

static void call_gelu(const struct m2c_kernels *kernels, float *x, size_t ldx, const float *bias,
                      size_t rows, size_t width)
{
    kernels->bias_gelu(x, ldx, bias, rows, width);
}

static double same(double z)
{
    return z;
}

static double quick_gelu(double z)
{
    return z / (1 + exp(-1.702 * z));
}

static double gelu(double z)
{
    return z * 0.5 * erfc(-z * M_SQRT1_2);
}

static const struct activation activations[] = {
    {"bias",
     call_bias,
     same,
     {0, 0, "one float sum, the same in the reference"},
     {0, 0, "one float sum"},
     {0, 0, "one float sum"}},
    /* Left of -50 the results are below e^-85: exp(1.702 * 51) overflows a float. */
    {"bias_quick_gelu",
     call_quick_gelu,
     quick_gelu,
     {1e-35, 6e-6, "the exponent is rounded: 2^-24 of up to 85"},
     {1e-35, 6e-6, "the C reference rounds the exponent: 2^-24 of up to 85"},
     {1e-35, 5e-7, "exp to 2e-7, a sum and a division"}},
    {"bias_gelu",
     call_gelu,
     gelu,
     {1e-44, 1e-7, "computed in double, rounded once"},
     {1e-35, 6e-6, "z^2 is rounded: 2^-24 of up to 160 / 2; the tail's fit 1.5e-7"},
     {1e-35, 6e-6, "the same, since C is right to 1e-7"}},
};

enum { ACTIVATIONS = sizeof activations / sizeof activations[0] };

/* x: [rows, width] at distance ld; want is made from the float sum, which all compute alike. Twins
 * are measured against C's results, or against double where `whole_range`. */
static void check_all_levels(const struct activation *activation, const char *values,
                             const float *x, size_t ld, const float *bias, size_t rows,
                             size_t width, bool whole_range)
{
    size_t count = (rows - 1) * ld + width;
    double *want = check_doubles(rows * width);
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            want[row * width + i] = activation->in_double((double)(x[row * ld + i] + bias[i]));
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        bool is_c = level == M2C_CPU_C;
        struct check_site site = {activation->name, values, kernels->level, width};
        float *y = check_floats(count);
        memcpy(y, x, count * sizeof *y);
        activation->call(kernels, y, ld, bias, rows, width);
        check_close(&site, y, ld, want, rows, width,
                    is_c          ? &activation->of_c
                    : whole_range ? &activation->of_range
                                  : &activation->of_twin);
        if (is_c && !whole_range)
            check_adopt(want, y, ld, rows, width);
    }
}

static void check_activation(const struct activation *activation, size_t rows, size_t width,
                             size_t gap, enum check_values values)
{
    size_t ld = width + gap;
    float *x = check_floats((rows - 1) * ld + width);
    float *bias = check_floats(width);
    check_fill(x, rows, width, ld, values);
    check_fill(bias, 1, width, width, CHECK_NORMAL);
    check_all_levels(activation, check_values_name(values), x, ld, bias, rows, width, false);
    (void)check_release(NULL);
}

static void activations_agree_at_every_size(void **state)
{
    (void)state;
    check_seed(1);
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        for (size_t s = 0; s < check_size_count; s++) {
            check_activation(&activations[a], 1, check_sizes[s], 0, CHECK_NORMAL);
            check_activation(&activations[a], 3, check_sizes[s], 5, CHECK_NORMAL);
        }
    }
}

static void activations_take_any_value(void **state)
{
    (void)state;
    check_seed(2);
    for (size_t a = 0; a < ACTIVATIONS; a++)
        for (int values = CHECK_NORMAL; values < CHECK_VALUES_COUNT; values++)
            for (size_t s = 0; s < check_size_count; s++)
                check_activation(&activations[a], 2, check_sizes[s], 1, (enum check_values)values);
}

/* Both tails and the bend, finely: the smallest results are right relative to themselves. */
static void activations_are_right_over_their_range(void **state)
{
    (void)state;
    enum { POINTS = 40001 };
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        float *x = check_floats(POINTS);
        float *bias = check_floats(POINTS);
        for (int i = 0; i < POINTS; i++) {
            x[i] = -50.0F + (float)i * (75.0F / POINTS);
            bias[i] = 0.0F;
        }
        check_all_levels(&activations[a], "a ramp", x, POINTS, bias, 1, POINTS, true);
        (void)check_release(NULL);
    }
}

struct bench_case {
    const struct activation *activation;
    float *x, *bias;
    const float *fresh;
};

enum { BENCH_ROWS = 16, BENCH_WIDTH = 3072 };

static void bench_activation(const struct m2c_kernels *kernels, void *argument)
{
    const struct bench_case *c = argument;
    /* A GELU of a GELU of ... ends in subnormal numbers, which cost more. */
    memcpy(c->x, c->fresh, sizeof(float) * BENCH_ROWS * BENCH_WIDTH);
    c->activation->call(kernels, c->x, BENCH_WIDTH, c->bias, BENCH_ROWS, BENCH_WIDTH);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(activations_agree_at_every_size, check_release),
        cmocka_unit_test_teardown(activations_take_any_value, check_release),
        cmocka_unit_test_teardown(activations_are_right_over_their_range, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    size_t count = (size_t)BENCH_ROWS * BENCH_WIDTH;
    for (size_t a = 0; a < ACTIVATIONS; a++) {
        float *fresh = check_floats(count);
        struct bench_case c = {&activations[a], check_floats(count), check_floats(BENCH_WIDTH),
                               fresh};
        check_fill(fresh, 1, count, count, CHECK_NORMAL);
        check_fill(c.bias, 1, BENCH_WIDTH, BENCH_WIDTH, CHECK_TINY);
        check_bench(activations[a].name, count, bench_activation, &c);
    }
    return check_release(NULL);
}
