#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the four above. */
#include <cmocka.h>

#include <math.h>

#include "model/random_numbers.h"

static void streams_depend_on_seed_and_name_alone(void **state)
{
    (void)state;
    struct m2c_random a, b, other_name, other_seed;
    m2c_random_start(&a, 1, "visual.proj");
    m2c_random_start(&b, 1, "visual.proj");
    m2c_random_start(&other_name, 1, "visual.conv1.weight");
    m2c_random_start(&other_seed, 2, "visual.proj");
    int same_name = 0, same_seed = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t bits = m2c_random_bits(&a);
        assert_true(bits == m2c_random_bits(&b));
        same_name += bits == m2c_random_bits(&other_name);
        same_seed += bits == m2c_random_bits(&other_seed);
    }
    assert_int_equal(same_name, 0);
    assert_int_equal(same_seed, 0);
}

static void layers_have_one_area(void **state)
{
    (void)state;
    struct m2c_ziggurat ziggurat;
    m2c_ziggurat_init(&ziggurat);
    for (int i = 1; i < M2C_ZIGGURAT_LAYERS; i++) {
        const double *edge = ziggurat.edge;
        double area =
            edge[i] * (exp(-0.5 * edge[i + 1] * edge[i + 1]) - exp(-0.5 * edge[i] * edge[i]));
        assert_true(fabs(area - 9.91256303526217e-3) < 1e-8);
        assert_true(edge[i + 1] < edge[i]);
    }
}

/* Moments and tail shares of a million deviates, within five standard errors. */
static void deviates_are_normal(void **state)
{
    (void)state;
    enum { COUNT = 1000000 };
    struct m2c_random random;
    struct m2c_ziggurat ziggurat;
    m2c_ziggurat_init(&ziggurat);
    m2c_random_start(&random, 7, "deviates");
    double sums[5] = {0}, beyond[4] = {0};
    for (int i = 0; i < COUNT; i++) {
        double x = m2c_random_normal(&random, &ziggurat), power = 1.0;
        for (int k = 1; k <= 4; k++)
            sums[k] += power *= x;
        for (int k = 1; k < 4; k++)
            beyond[k] += fabs(x) > k;
        beyond[0] += x > 3.442619855899; /* the tail's own branch */
    }
    double root = sqrt((double)COUNT);
    assert_true(fabs(sums[1] / COUNT) < 5.0 / root);
    assert_true(fabs(sums[2] / COUNT - 1.0) < 5.0 * sqrt(2.0) / root);
    assert_true(fabs(sums[3] / COUNT) < 5.0 * sqrt(15.0) / root);
    assert_true(fabs(sums[4] / COUNT - 3.0) < 5.0 * sqrt(96.0) / root);
    for (int k = 1; k < 4; k++) {
        double share = erfc((double)k / sqrt(2.0));
        assert_true(fabs(beyond[k] / COUNT - share) < 5.0 * sqrt(share) / root);
    }
    double tail = 0.5 * erfc(3.442619855899 / sqrt(2.0));
    assert_true(fabs(beyond[0] / COUNT - tail) < 5.0 * sqrt(tail) / root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_depend_on_seed_and_name_alone),
        cmocka_unit_test(layers_have_one_area),
        cmocka_unit_test(deviates_are_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
