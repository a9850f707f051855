/* Shares that change hands: every item is done once, by whoever has time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/shares.h"

enum { ITEMS = 1576, PHASES = 50, MEMBERS = 4 };

static struct m2c_shares *new_shares(int size)
{
    struct m2c_shares *shares;
    struct m2c_error err;
    assert_int_equal(m2c_shares_new(size, &shares, &err), M2C_OK);
    return shares;
}

static void a_member_takes_its_own_share_in_even_pieces(void **state)
{
    struct m2c_shares *shares = new_shares(2);
    struct m2c_range range;
    (void)state;
    m2c_shares_fix(shares, true);
    m2c_shares_begin(shares, 1000);
    const size_t begins[] = {500, 667, 834};
    for (size_t i = 0; i < 3; i++) {
        assert_true(m2c_shares_take(shares, 0, 1, 208, &range));
        assert_int_equal(range.begin, begins[i]);
    }
    assert_int_equal(range.end, 1000);
    assert_false(m2c_shares_take(shares, 0, 1, 208, &range));
    assert_true(m2c_shares_take(shares, 0, 0, 208, &range));
    assert_int_equal(range.begin, 0);
    m2c_shares_free(&shares);
    assert_null(shares);
}

static void who_has_finished_takes_from_the_back_of_others(void **state)
{
    struct m2c_shares *shares = new_shares(2);
    struct m2c_range range;
    (void)state;
    m2c_shares_begin(shares, 400);
    assert_true(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_int_equal(range.end, 200);
    assert_true(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_int_equal(range.begin, 300);
    assert_int_equal(range.end, 400);
    /* What is left for the owner is the front; too little of it is not worth taking. */
    assert_true(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_int_equal(range.begin, 250);
    assert_true(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_int_equal(range.begin, 225);
    assert_true(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_int_equal(range.begin, 212);
    assert_false(m2c_shares_take(shares, 0, 0, 200, &range));
    assert_true(m2c_shares_take(shares, 0, 1, 200, &range));
    assert_int_equal(range.begin, 200);
    assert_int_equal(range.end, 212);
    m2c_shares_free(&shares);
}

static void nothing_is_dealt_and_nothing_is_taken(void **state)
{
    struct m2c_shares *shares = new_shares(3);
    struct m2c_range range;
    (void)state;
    m2c_shares_begin(shares, 0);
    for (int member = 0; member < 3; member++)
        assert_false(m2c_shares_take(shares, 0, member, 8, &range));
    m2c_shares_deal(shares, 0, 2, 2);
    assert_false(m2c_shares_take(shares, 1, 2, 8, &range));
    m2c_shares_free(&shares);
}

struct pass {
    struct m2c_team *team;
    struct m2c_shares *shares;
    _Atomic int done[PHASES][ITEMS];
};

/* Uneven work, so that some finish early and take from others. */
static void dawdle(int member, size_t item)
{
    for (volatile size_t i = 0; i < (member == 1 ? 400 : item % 7); i++)
        continue;
}

static void run_member(void *argument, int member, int size)
{
    struct pass *pass = argument;
    struct m2c_range range;
    (void)size;
    for (unsigned phase = 0; phase < PHASES; phase++) {
        while (m2c_shares_take(pass->shares, phase, member, 1 + phase * 7, &range))
            for (size_t i = range.begin; i < range.end; i++) {
                dawdle(member, i);
                atomic_fetch_add_explicit(&pass->done[phase][i], 1, memory_order_relaxed);
            }
        m2c_shares_deal(pass->shares, phase, member, ITEMS);
        m2c_team_barrier(pass->team);
    }
}

static void every_item_of_every_phase_is_done_once(void **state)
{
    static struct pass pass;
    struct m2c_error err;
    (void)state;
    assert_int_equal(m2c_team_new(MEMBERS, &pass.team, &err), M2C_OK);
    pass.shares = new_shares(MEMBERS);
    m2c_shares_begin(pass.shares, ITEMS);
    m2c_team_run(pass.team, run_member, &pass);
    for (size_t phase = 0; phase < PHASES; phase++)
        for (size_t i = 0; i < ITEMS; i++)
            assert_int_equal(pass.done[phase][i], 1);
    m2c_shares_free(&pass.shares);
    m2c_team_free(&pass.team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_member_takes_its_own_share_in_even_pieces),
        cmocka_unit_test(who_has_finished_takes_from_the_back_of_others),
        cmocka_unit_test(nothing_is_dealt_and_nothing_is_taken),
        cmocka_unit_test(every_item_of_every_phase_is_done_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
