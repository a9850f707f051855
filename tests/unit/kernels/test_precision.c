#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"

static const struct check_tolerance exact = {0, 0, "widening is exact"};

typedef void (*widen_call)(const struct m2c_kernels *kernels, float *y, const uint16_t *x,
                           size_t count);

static void call_f16(const struct m2c_kernels *kernels, float *y, const uint16_t *x, size_t count)
{
    kernels->widen_f16(y, x, count);
}

static void call_bf16(const struct m2c_kernels *kernels, float *y, const uint16_t *x, size_t count)
{
    kernels->widen_bf16(y, x, count);
}

/* Sign, exponent and fraction of a 16-bit number in double, by its definition. */
static double number_of(unsigned bits, int exponent_bits, int fraction_bits)
{
    unsigned exponent = bits >> fraction_bits & ((1U << exponent_bits) - 1U);
    unsigned fraction = bits & ((1U << fraction_bits) - 1U);
    int bias = (1 << (exponent_bits - 1)) - 1;
    double magnitude;
    if (exponent == (1U << exponent_bits) - 1U)
        magnitude = fraction ? NAN : INFINITY;
    else if (exponent == 0)
        magnitude = ldexp((double)fraction, 1 - bias - fraction_bits);
    else
        magnitude =
            ldexp((double)(fraction | 1U << fraction_bits), (int)exponent - bias - fraction_bits);
    return bits >> 15 ? -magnitude : magnitude;
}

static void check_widen(const char *name, widen_call call, const uint16_t *x, const double *want,
                        size_t count)
{
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        struct check_site site = {name, "all", kernels->level, count};
        float *y = check_floats(count);
        call(kernels, y, x, count);
        check_close(&site, y, count, want, 1, count, &exact);
        for (size_t i = 0; i < count; i++)
            assert_int_equal(signbit(y[i]) != 0, x[i] >> 15);
    }
}

/* All 65,536 numbers, then every size. */
static void check_widening(const char *name, widen_call call, int exponent_bits, int fraction_bits)
{
    enum { ALL = 1 << 16 };
    uint16_t *x = check_halves(ALL);
    double *want = check_doubles(ALL);
    for (unsigned bits = 0; bits < ALL; bits++) {
        x[bits] = (uint16_t)bits;
        want[bits] = number_of(bits, exponent_bits, fraction_bits);
    }
    check_widen(name, call, x, want, ALL);
    for (size_t s = 0; s < check_size_count; s++) {
        size_t count = check_sizes[s];
        uint16_t *last = check_halves(count);
        memcpy(last, x + 0x3000, count * sizeof *last);
        check_widen(name, call, last, want + 0x3000, count);
    }
    (void)check_release(NULL);
}

static void widen_f16_is_exact(void **state)
{
    (void)state;
    check_widening("widen_f16", call_f16, 5, 10);
}

static void widen_bf16_is_exact(void **state)
{
    (void)state;
    check_widening("widen_bf16", call_bf16, 8, 7);
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void check_narrow(const float *x, const uint16_t *want, size_t count)
{
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            break;
        uint16_t *y = check_halves(count);
        kernels->narrow_bf16(y, x, count);
        for (size_t i = 0; i < count; i++)
            if (y[i] != want[i])
                fail_msg("narrow_bf16, %s, size %zu: index %zu, %.9g is 0x%04x, not 0x%04x",
                         m2c_cpu_level_name(kernels->level), count, i, (double)x[i], y[i], want[i]);
    }
}

/* Every bfloat16 comes back; half-way values go to the even neighbour, others to the nearest, the
 * greatest floats to infinity; a NaN stays one. */
static void narrow_bf16_rounds_to_even(void **state)
{
    static const struct {
        uint32_t bits;
        uint16_t want;
    } rows[] = {
        {0x3F800000U, 0x3F80}, {0x3F807FFFU, 0x3F80}, {0x3F808000U, 0x3F80}, {0x3F808001U, 0x3F81},
        {0x3F818000U, 0x3F82}, {0xBF818000U, 0xBF82}, {0x00008000U, 0x0000}, {0x00008001U, 0x0001},
        {0x80018000U, 0x8002}, {0x7F7FFFFFU, 0x7F80}, {0xFF7F8000U, 0xFF80}, {0x7F7F7FFFU, 0x7F7F},
        {0x7F800000U, 0x7F80}, {0xFF800000U, 0xFF80}, {0x7FC00000U, 0x7FC0}, {0x7F800001U, 0x7FC0},
        {0xFFFFFFFFU, 0xFFFF}, {0x7FFFFFFFU, 0x7FFF},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    (void)state;
    for (size_t s = 0; s < check_size_count; s++) {
        size_t count = check_sizes[s];
        float *x = check_floats(count);
        uint16_t *want = check_halves(count);
        for (size_t i = 0; i < count; i++) {
            x[i] = float_of(rows[i % ROWS].bits);
            want[i] = rows[i % ROWS].want;
        }
        check_narrow(x, want, count);
        (void)check_release(NULL);
    }
}

static void narrow_bf16_undoes_widen_bf16(void **state)
{
    enum { ALL = 1 << 16 };
    (void)state;
    float *x = check_floats(ALL);
    uint16_t *want = check_halves(ALL);
    for (uint32_t bits = 0; bits < ALL; bits++) {
        x[bits] = float_of(bits << 16);
        want[bits] = (uint16_t)(isnan(x[bits]) ? bits | 0x40U : bits);
    }
    check_narrow(x, want, ALL);
    (void)check_release(NULL);
}

enum { BENCH_COUNT = 49152 };

static _Alignas(64) float bench_floats[BENCH_COUNT];

static void bench_f16(const struct m2c_kernels *kernels, void *argument)
{
    kernels->widen_f16(bench_floats, argument, BENCH_COUNT);
}

static void bench_bf16(const struct m2c_kernels *kernels, void *argument)
{
    kernels->widen_bf16(bench_floats, argument, BENCH_COUNT);
}

static void bench_narrow(const struct m2c_kernels *kernels, void *argument)
{
    kernels->narrow_bf16(argument, bench_floats, BENCH_COUNT);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(widen_f16_is_exact, check_release),
        cmocka_unit_test_teardown(widen_bf16_is_exact, check_release),
        cmocka_unit_test_teardown(narrow_bf16_rounds_to_even, check_release),
        cmocka_unit_test_teardown(narrow_bf16_undoes_widen_bf16, check_release),
    };
    if (!check_wants_bench(argc, argv))
        return cmocka_run_group_tests(tests, NULL, NULL);
    uint16_t *x = check_halves(BENCH_COUNT);
    memset(x, 0x3C, BENCH_COUNT * sizeof *x);
    check_bench("widen_f16", BENCH_COUNT, bench_f16, x);
    check_bench("widen_bf16", BENCH_COUNT, bench_bf16, x);
    check_bench("narrow_bf16", BENCH_COUNT, bench_narrow, x);
    return check_release(NULL);
}
