#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/kernels.h"

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

static void table_is_the_processors_best(void **state)
{
    (void)state;
    assert_int_equal(m2c_kernels_get()->level, m2c_cpu_level());
    assert_ptr_equal(m2c_kernels_get(), m2c_kernels_at(m2c_cpu_level()));
}

static void cap_lowers_the_table(void **state)
{
    (void)state;
    enum m2c_cpu_level best = m2c_cpu_level();
    cap("c");
    assert_int_equal(m2c_kernels_get()->level, M2C_CPU_C);
    assert_null(m2c_kernels_at(M2C_CPU_AVX2));
    assert_null(m2c_kernels_at(M2C_CPU_AVX512));
    cap("avx2");
    assert_int_equal(m2c_kernels_get()->level, best < M2C_CPU_AVX2 ? best : M2C_CPU_AVX2);
    assert_null(m2c_kernels_at(M2C_CPU_AVX512));
}

static void every_entry_of_every_table_is_set(void **state)
{
    (void)state;
    for (int level = M2C_CPU_C; level <= (int)m2c_cpu_level(); level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        assert_non_null(kernels);
        assert_int_equal(kernels->level, level);
        const uintptr_t *entries = (const uintptr_t *)(const void *)&kernels->layer_norm;
        size_t bytes = sizeof *kernels - offsetof(struct m2c_kernels, layer_norm);
        for (size_t i = 0; i < bytes / sizeof *entries; i++)
            assert_true(entries[i] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_the_processors_best),
        cmocka_unit_test_teardown(cap_lowers_the_table, lift_cap),
        cmocka_unit_test(every_entry_of_every_table_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
