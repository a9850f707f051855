#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/tensor_values.h"

enum { COUNT = 5000 }; /* more than two of the reader's chunks, and a rest */

/* A tensor over `bytes` bytes that start at an odd address. */
static struct m2c_tensor tensor_of(enum m2c_dtype dtype, const unsigned char *odd, size_t elements)
{
    return (struct m2c_tensor){.name = "t",
                               .dtype = dtype,
                               .rank = 1,
                               .shape = {elements},
                               .data = odd,
                               .bytes = elements * m2c_dtype_bits(dtype) / 8,
                               .elements = elements};
}

/* The value of a half by its definition. */
static double half_value(uint16_t half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double magnitude = exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

static void halves_are_widened_exactly_from_any_address(void **state)
{
    (void)state;
    enum { ALL = 1 << 16 };
    unsigned char *block = malloc(2 * ALL + 1);
    float *out = malloc(ALL * sizeof *out);
    for (unsigned i = 0; i < ALL; i++) {
        uint16_t bits = (uint16_t)i;
        memcpy(block + 1 + 2 * (size_t)i, &bits, 2);
    }
    struct m2c_tensor tensor = tensor_of(M2C_DTYPE_F16, block + 1, ALL);
    m2c_tensor_to_f32(&tensor, 0, ALL, out);
    for (unsigned i = 0; i < ALL; i++) {
        bool special = (i & 0x7c00) == 0x7c00;
        if (!special && (double)out[i] != half_value((uint16_t)i))
            fail_msg("half %04x became %a", i, (double)out[i]);
        if (special && isfinite(out[i]))
            fail_msg("half %04x became finite", i);
    }
    free(out);
    free(block);
}

static void a_part_is_read_from_its_first_element(void **state)
{
    (void)state;
    unsigned char *block = malloc(4 * COUNT + 1);
    float *out = malloc(COUNT * sizeof *out);
    for (size_t i = 0; i < COUNT; i++) {
        float value = (float)i;
        memcpy(block + 1 + 4 * i, &value, 4);
    }
    struct m2c_tensor floats = tensor_of(M2C_DTYPE_F32, block + 1, COUNT);
    m2c_tensor_to_f32(&floats, 100, 3000, out);
    for (size_t i = 0; i < 3000; i++)
        assert_true(out[i] == (float)(100 + i));
    m2c_tensor_to_f32(&floats, COUNT, 0, out);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits;
        float value = (float)(i % 256);
        memcpy(&bits, &value, 4);
        uint16_t upper = (uint16_t)(bits >> 16); /* exact below 256 */
        memcpy(block + 1 + 2 * i, &upper, 2);
    }
    struct m2c_tensor brains = tensor_of(M2C_DTYPE_BF16, block + 1, COUNT);
    m2c_tensor_to_f32(&brains, 7, COUNT - 7, out);
    for (size_t i = 0; i < COUNT - 7; i++)
        assert_true(out[i] == (float)((i + 7) % 256));
    free(out);
    free(block);
}

static void nan_and_infinity_are_found_at_every_place(void **state)
{
    (void)state;
    static const struct {
        enum m2c_dtype dtype;
        uint32_t bad[3], good[3];
    } cases[] = {
        {M2C_DTYPE_F16, {0x7c00, 0xfc00, 0x7c01}, {0x7bff, 0xfbff, 0x8000}},
        {M2C_DTYPE_BF16, {0x7f80, 0xff80, 0xffff}, {0x7f7f, 0xff7f, 0x8000}},
        {M2C_DTYPE_F32, {0x7f800000, 0xff800000, 0x7fc00000}, {0x7f7fffff, 0xff7fffff, 0x80000000}},
    };
    static const size_t places[] = {0, 1, 2047, 2048, 4095, COUNT - 1};
    unsigned char *block = malloc(4 * COUNT + 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t width = m2c_dtype_bits(cases[i].dtype) / 8;
        struct m2c_tensor tensor = tensor_of(cases[i].dtype, block + 1, COUNT);
        for (size_t j = 0; j < COUNT; j++)
            memcpy(block + 1 + j * width, &cases[i].good[j % 3], width);
        assert_true(m2c_tensor_is_finite(&tensor));
        for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
            unsigned char *place = block + 1 + places[p] * width;
            memcpy(place, &cases[i].bad[p % 3], width);
            assert_false(m2c_tensor_is_finite(&tensor));
            memcpy(place, &cases[i].good[0], width);
        }
    }
    struct m2c_tensor empty = tensor_of(M2C_DTYPE_F16, block + 1, 0);
    assert_true(m2c_tensor_is_finite(&empty));
    free(block);
}

static void narrowing_is_the_nearest_half(void **state)
{
    (void)state;
    /* Every half survives; between two neighbours the middle goes to the even one, and what is a
     * bit off the middle to the nearer one. */
    for (unsigned i = 0; i < 0x7c00; i++) {
        float value = (float)half_value((uint16_t)i);
        assert_int_equal(m2c_half_from_float(value), i);
        assert_int_equal(m2c_half_from_float(-value), i | 0x8000);
        if (i == 0x7bff)
            break;
        float next = (float)half_value((uint16_t)(i + 1));
        float middle = (float)(0.5 * ((double)value + (double)next));
        assert_int_equal(m2c_half_from_float(middle), i + (i & 1));
        assert_int_equal(m2c_half_from_float(nextafterf(middle, 0.0F)), i);
        assert_int_equal(m2c_half_from_float(nextafterf(middle, 1e9F)), i + 1);
    }
    assert_int_equal(m2c_half_from_float(65519.0F), 0x7bff);
    assert_int_equal(m2c_half_from_float(65520.0F), 0x7c00);
    assert_int_equal(m2c_half_from_float(-1e30F), 0xfc00);
    assert_int_equal(m2c_half_from_float(INFINITY), 0x7c00);
    assert_int_equal(m2c_half_from_float(NAN) & 0x7fff, 0x7e00);
    assert_int_equal(m2c_half_from_float(1e-30F), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_are_widened_exactly_from_any_address),
        cmocka_unit_test(a_part_is_read_from_its_first_element),
        cmocka_unit_test(nan_and_infinity_are_found_at_every_place),
        cmocka_unit_test(narrowing_is_the_nearest_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
