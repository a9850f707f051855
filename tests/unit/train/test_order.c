#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "train/dropout.h"
#include "train/order.h"

enum { COUNT = 101 };

static void every_item_comes_once_in_a_pass(void **state)
{
    bool seen[COUNT] = {false};
    size_t order[COUNT], moved = 0;
    (void)state;
    trn_epoch_order(3, 0, order, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(order[i] < COUNT && !seen[order[i]]);
        seen[order[i]] = true;
        moved += order[i] != i;
    }
    assert_true(moved > COUNT / 2);
    trn_epoch_order(3, 0, order, 0);
}

static void a_pass_is_the_same_each_time_and_no_other(void **state)
{
    size_t first[COUNT], again[COUNT], other[COUNT];
    (void)state;
    trn_epoch_order(3, 7, first, COUNT);
    trn_epoch_order(3, 7, again, COUNT);
    assert_memory_equal(first, again, sizeof first);
    trn_epoch_order(3, 8, other, COUNT);
    assert_memory_not_equal(first, other, sizeof first);
    trn_epoch_order(4, 7, other, COUNT);
    assert_memory_not_equal(first, other, sizeof first);
}

static void items_have_seeds_of_their_own(void **state)
{
    (void)state;
    assert_true(trn_item_seed(1, 2, 3) == trn_item_seed(1, 2, 3));
    assert_true(trn_item_seed(1, 2, 3) != trn_item_seed(2, 2, 3));
    assert_true(trn_item_seed(1, 2, 3) != trn_item_seed(1, 3, 3));
    assert_true(trn_item_seed(1, 2, 3) != trn_item_seed(1, 2, 4));
    assert_true(trn_item_seed(1, 12, 3) != trn_item_seed(1, 1, 23));
}

static void dropout_keeps_the_mean(void **state)
{
    float factors[1600], again[1600];
    size_t dropped = 0;
    (void)state;
    trn_dropout_draw(0.25, 6, factors, 1600);
    trn_dropout_draw(0.25, 6, again, 1600);
    assert_memory_equal(factors, again, sizeof factors);
    for (size_t i = 0; i < 1600; i++) {
        assert_true(factors[i] == 0.0F || factors[i] == 4.0F / 3.0F);
        dropped += factors[i] == 0.0F;
    }
    assert_in_range(dropped, 320, 480);
    trn_dropout_draw(0, 6, factors, 1600);
    assert_true(factors[0] == 1.0F && factors[1599] == 1.0F);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_comes_once_in_a_pass),
        cmocka_unit_test(a_pass_is_the_same_each_time_and_no_other),
        cmocka_unit_test(items_have_seeds_of_their_own),
        cmocka_unit_test(dropout_keeps_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
