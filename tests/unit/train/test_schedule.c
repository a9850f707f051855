#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "train/schedule.h"

static const struct trn_schedule schedule = {
    .peak = 2.0, .floor = 0.5, .warmup_steps = 4, .steps = 12};

static void the_rate_climbs_then_falls_along_a_cosine(void **state)
{
    static const double expected[] = {0.5, 1.0, 1.5, 2.0, 2.0};
    (void)state;
    for (uint64_t step = 0; step < 5; step++)
        assert_true(fabs(trn_schedule_rate(&schedule, step) - expected[step]) < 1e-12);
    assert_true(fabs(trn_schedule_rate(&schedule, 8) - 1.25) < 1e-12); /* half way down */
    for (uint64_t step = 5; step < 12; step++)
        assert_true(trn_schedule_rate(&schedule, step) < trn_schedule_rate(&schedule, step - 1));
    assert_true(trn_schedule_rate(&schedule, 12) == 0.5);
    assert_true(trn_schedule_rate(&schedule, 1000) == 0.5);
}

static void without_a_warm_up_it_begins_at_the_peak(void **state)
{
    const struct trn_schedule steep = {.peak = 1.0, .steps = 3};
    (void)state;
    assert_true(trn_schedule_rate(&steep, 0) == 1.0);
}

static void a_run_that_is_all_warm_up_ends_at_the_floor(void **state)
{
    const struct trn_schedule climb = {.peak = 1.0, .warmup_steps = 3, .steps = 3};
    (void)state;
    assert_true(trn_schedule_rate(&climb, 2) == 1.0);
    assert_true(trn_schedule_rate(&climb, 3) == 0.0);
}

static void the_recipes_rate_grows_with_the_batch(void **state)
{
    (void)state;
    assert_true(fabs(trn_recipe_rate(256) - 1e-3) < 1e-15);
    assert_true(fabs(trn_recipe_rate(64) - 2.5e-4) < 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_climbs_then_falls_along_a_cosine),
        cmocka_unit_test(without_a_warm_up_it_begins_at_the_peak),
        cmocka_unit_test(a_run_that_is_all_warm_up_ends_at_the_floor),
        cmocka_unit_test(the_recipes_rate_grows_with_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
