#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/cpu.h"

static void cap(const char *name)
{
    struct m2c_error err;
    assert_int_equal(m2c_cpu_cap_level(name, &err), M2C_OK);
}

static int lift_cap(void **state)
{
    (void)state;
    cap("avx512");
    return 0;
}

static void cap_holds_for_every_level(void **state)
{
    (void)state;
    enum m2c_cpu_level best = m2c_cpu_level();
    for (int i = M2C_CPU_C; i <= M2C_CPU_AVX512; i++) {
        enum m2c_cpu_level level = (enum m2c_cpu_level)i;
        cap(m2c_cpu_level_name(level));
        assert_int_equal(m2c_cpu_level(), level < best ? level : best);
    }
}

static void cap_hides_bf16_and_vnni(void **state)
{
    (void)state;
    cap("avx2");
    assert_false(m2c_cpu_has_bf16());
    assert_false(m2c_cpu_has_vnni());
    cap("c");
    assert_false(m2c_cpu_has_bf16());
    assert_false(m2c_cpu_has_vnni());
}

static void unknown_level_is_refused_and_changes_nothing(void **state)
{
    static const char *const names[] = {"", "AVX2", "avx", "avx512f", "sse"};
    (void)state;
    enum m2c_cpu_level before = m2c_cpu_level();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct m2c_error err;
        assert_int_equal(m2c_cpu_cap_level(names[i], &err), M2C_USAGE);
        assert_string_equal(err.field, "cpu_level");
        assert_non_null(strstr(err.detail, "avx512"));
        assert_int_equal(m2c_cpu_level(), before);
    }
}

static void names_are_those_of_the_option(void **state)
{
    (void)state;
    assert_string_equal(m2c_cpu_level_name(M2C_CPU_C), "c");
    assert_string_equal(m2c_cpu_level_name(M2C_CPU_AVX2), "avx2");
    assert_string_equal(m2c_cpu_level_name(M2C_CPU_AVX512), "avx512");
}

static void count_follows_the_affinity_mask(void **state)
{
    cpu_set_t before;
    (void)state;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    int count = m2c_cpu_count();
    assert_in_range(count, 1, CPU_COUNT(&before));
    size_t first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    int pinned = m2c_cpu_count();
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
    assert_int_equal(pinned, 1);
    assert_int_equal(m2c_cpu_count(), count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cap_holds_for_every_level, lift_cap),
        cmocka_unit_test_teardown(cap_hides_bf16_and_vnni, lift_cap),
        cmocka_unit_test(unknown_level_is_refused_and_changes_nothing),
        cmocka_unit_test(names_are_those_of_the_option),
        cmocka_unit_test(count_follows_the_affinity_mask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
