#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/checked.h"

static void sums_that_fit_are_given(void **state)
{
    (void)state;
    size_t out;
    assert_true(m2c_checked_add(0, 0, &out));
    assert_int_equal(out, 0);
    assert_true(m2c_checked_add(SIZE_MAX - 1, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(m2c_checked_add(SIZE_MAX, 0, &out));
    assert_true(out == SIZE_MAX);
}

static void sums_that_overflow_are_refused(void **state)
{
    (void)state;
    size_t out;
    assert_false(m2c_checked_add(SIZE_MAX, 1, &out));
    assert_false(m2c_checked_add(1, SIZE_MAX, &out));
    assert_false(m2c_checked_add(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1, &out));
}

static void products_that_fit_are_given(void **state)
{
    (void)state;
    size_t out;
    assert_true(m2c_checked_multiply(SIZE_MAX, 1, &out));
    assert_true(out == SIZE_MAX);
    assert_true(m2c_checked_multiply(SIZE_MAX, 0, &out));
    assert_int_equal(out, 0);
    assert_true(m2c_checked_multiply(UINT32_MAX, UINT32_MAX, &out));
    assert_true(out == (size_t)UINT32_MAX * UINT32_MAX);
    assert_true(m2c_checked_multiply3(8, 197, 768, &out));
    assert_int_equal(out, 1210368);
}

static void products_that_overflow_are_refused(void **state)
{
    (void)state;
    size_t out;
    assert_false(m2c_checked_multiply(SIZE_MAX, 2, &out));
    assert_false(m2c_checked_multiply(SIZE_MAX / 3, 4, &out));
    assert_false(m2c_checked_multiply((size_t)1 << 32, (size_t)1 << 32, &out));
    assert_false(m2c_checked_multiply3(SIZE_MAX, 2, 1, &out));
    assert_false(m2c_checked_multiply3((size_t)1 << 31, (size_t)1 << 31, 4, &out));
    /* Wraps to a small number: 2^32 * 2^31 * 2 = 2^64. */
    assert_false(m2c_checked_multiply3((size_t)1 << 32, (size_t)1 << 31, 2, &out));
}

/* The first product has already overflowed: a later zero does not make it well. */
static void overflow_comes_before_zero(void **state)
{
    (void)state;
    size_t out = 1;
    assert_false(m2c_checked_multiply3(SIZE_MAX, 2, 0, &out));
    assert_true(m2c_checked_multiply3(0, SIZE_MAX, 2, &out));
    assert_int_equal(out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_that_fit_are_given),
        cmocka_unit_test(sums_that_overflow_are_refused),
        cmocka_unit_test(products_that_fit_are_given),
        cmocka_unit_test(products_that_overflow_are_refused),
        cmocka_unit_test(overflow_comes_before_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
