#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/arena.h"

static const size_t counts[] = {1, 15, 16, 17, 197, 768, 0, 3};
enum { COUNTS = sizeof counts / sizeof counts[0] };

static size_t plan_bytes(void)
{
    size_t bytes = 0;
    for (size_t i = 0; i < COUNTS; i++)
        bytes += m2c_arena_floats_bytes(counts[i]);
    return bytes;
}

static void bytes_are_rounded_up_to_lines(void **state)
{
    (void)state;
    assert_int_equal(m2c_arena_floats_bytes(0), 0);
    assert_int_equal(m2c_arena_floats_bytes(1), 64);
    assert_int_equal(m2c_arena_floats_bytes(16), 64);
    assert_int_equal(m2c_arena_floats_bytes(17), 128);
}

static void a_planned_arena_fits_exactly(void **state)
{
    (void)state;
    struct m2c_error err;
    struct m2c_arena arena;
    float *given[COUNTS];
    assert_int_equal(m2c_arena_init(&arena, plan_bytes(), &err), M2C_OK);
    for (size_t i = 0; i < COUNTS; i++) {
        given[i] = m2c_arena_floats(&arena, counts[i]);
        assert_int_equal((uintptr_t)given[i] % M2C_ARENA_ALIGN, 0);
    }
    assert_int_equal(arena.used_bytes, arena.capacity_bytes);
    for (size_t i = 0; i < COUNTS; i++)
        for (size_t k = 0; k < counts[i]; k++) {
            assert_true(given[i][k] == 0.0F);
            given[i][k] = (float)i;
        }
    for (size_t i = 0; i < COUNTS; i++)
        for (size_t k = 0; k < counts[i]; k++)
            assert_true(given[i][k] == (float)i);
    m2c_arena_destroy(&arena);
}

static void reset_hands_out_the_same_memory_again(void **state)
{
    (void)state;
    struct m2c_error err;
    struct m2c_arena arena;
    assert_int_equal(m2c_arena_init(&arena, plan_bytes(), &err), M2C_OK);
    const float *first = m2c_arena_floats(&arena, counts[0]);
    (void)m2c_arena_floats(&arena, counts[1]);
    m2c_arena_reset(&arena);
    assert_int_equal(arena.used_bytes, 0);
    assert_ptr_equal(m2c_arena_floats(&arena, counts[0]), first);
    m2c_arena_destroy(&arena);
}

static void nothing_needs_no_memory_and_destroys_twice(void **state)
{
    (void)state;
    struct m2c_error err;
    struct m2c_arena arena;
    assert_int_equal(m2c_arena_init(&arena, 0, &err), M2C_OK);
    assert_int_equal(arena.capacity_bytes, 0);
    m2c_arena_destroy(&arena);
    m2c_arena_destroy(&arena);
}

static void more_than_there_is_fails_with_the_size(void **state)
{
    (void)state;
    struct m2c_error err;
    struct m2c_arena arena;
    size_t bytes = SIZE_MAX / 2;
    assert_int_equal(m2c_arena_init(&arena, bytes, &err), M2C_NO_MEMORY);
    assert_int_equal(err.status, M2C_NO_MEMORY);
    assert_non_null(strstr(err.detail, "9223372036854775807"));
    assert_null(arena.base);
    m2c_arena_destroy(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_rounded_up_to_lines),
        cmocka_unit_test(a_planned_arena_fits_exactly),
        cmocka_unit_test(reset_hands_out_the_same_memory_again),
        cmocka_unit_test(nothing_needs_no_memory_and_destroys_twice),
        cmocka_unit_test(more_than_there_is_fails_with_the_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
