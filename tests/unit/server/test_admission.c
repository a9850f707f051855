/* The books of work under way: who finds room, what slow senders hold, when to come again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "server/engine/admission.h"

enum { PLACES = 32 };

static const struct srv_admission_options defaults = {.max_ms = 1000.0,
                                                      .max_count = 8,
                                                      .flop_per_ms = 100.0,
                                                      .ms_per_video = 4.0,
                                                      .bytes_per_ms = 10.0,
                                                      .texts_per_ms = 1.0};

static struct srv_admission books;
static struct srv_reservation places[PLACES];

static int open_books(void **state)
{
    (void)state;
    srv_admission_init(&books, &defaults);
    return 0;
}

static bool enter(int place, enum srv_lane lane, double ms)
{
    return srv_admission_enter(&books, &places[place], lane, ms, 0.0);
}

static void leave(int place)
{
    srv_admission_leave(&books, &places[place], true, 0.0);
}

static void cost_is_the_sum_of_what_each_part_takes(void **state)
{
    const struct srv_cost cost = {.flop = 500.0, .videos = 2.0, .bytes = 30.0, .texts = 2.0};
    (void)state;
    assert_float_equal(srv_admission_cost_ms(&books, &cost), 5.0 + 8.0 + 3.0 + 2.0, 1e-9);
}

static void paces_follow_what_is_measured(void **state)
{
    struct srv_pace pace = {100.0, 1.0};
    (void)state;
    for (int i = 0; i < 200; i++)
        srv_pace_learn(&pace, 50.0, 5.0);
    assert_float_equal(srv_pace_ms(&pace, 10.0), 1.0, 1e-6);
    srv_pace_learn(&pace, 0.0, 5.0); /* nothing was done: nothing is learned */
    assert_float_equal(srv_pace_ms(&pace, 10.0), 1.0, 1e-6);
}

static void fit_tells_what_each_takes_from_what_a_byte_takes(void **state)
{
    struct srv_fit fit = {.each = 1000.0, .slope = 1000.0};
    (void)state;
    for (int i = 0; i < 100; i++)
        srv_fit_learn(&fit, i % 2 ? 10.0 : 1000.0, i % 2 ? 7.0 : 205.0);
    assert_float_equal(fit.each, 5.0, 1e-6);
    assert_float_equal(fit.slope, 0.2, 1e-6);
    assert_float_equal(srv_fit_ms(&fit, 3.0, 100.0), 35.0, 1e-6);
}

static void fit_keeps_its_slope_where_sizes_tell_nothing(void **state)
{
    struct srv_fit fit = {.each = 1.0, .slope = 0.01};
    (void)state;
    for (int i = 0; i < 100; i++)
        srv_fit_learn(&fit, 1000.0, 30.0);
    assert_float_equal(fit.slope, 0.01, 1e-9);
    assert_float_equal(fit.each, 20.0, 1e-6);
    for (int i = 0; i < 100; i++) /* sizes that seem to save time: no slope at all */
        srv_fit_learn(&fit, i % 2 ? 10.0 : 1000.0, i % 2 ? 9.0 : 3.0);
    assert_true(fit.slope == 0.0 && fit.each > 0.0);
    for (int i = 0; i < 100; i++) /* nor less than nothing for each */
        srv_fit_learn(&fit, i % 2 ? 100.0 : 1000.0, i % 2 ? 0.0 : 100.0);
    assert_true(fit.each == 0.0 && fit.slope > 0.0);
}

static void room_ends_where_the_budget_does(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 600.0));
    assert_true(enter(1, SRV_LANE_SHORT, 400.0));
    assert_false(enter(2, SRV_LANE_SHORT, 1.0));
    assert_false(places[2].entered);
    leave(0);
    assert_true(enter(2, SRV_LANE_SHORT, 1.0));
    assert_float_equal(srv_admission_ms(&books), 401.0, 1e-9);
}

static void one_request_of_each_lane_is_always_taken(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_LONG, 50000.0));
    assert_false(enter(1, SRV_LANE_LONG, 1.0));
    assert_true(enter(1, SRV_LANE_SHORT, 5000.0));
    assert_false(enter(2, SRV_LANE_SHORT, 1.0));
}

static void long_work_leaves_short_work_its_share(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_LONG, 700.0));
    assert_false(enter(1, SRV_LANE_LONG, 100.0));
    assert_true(enter(1, SRV_LANE_LONG, 50.0));
    assert_true(enter(2, SRV_LANE_SHORT, 125.0));
    assert_true(enter(3, SRV_LANE_SHORT, 125.0));
    assert_false(enter(4, SRV_LANE_SHORT, 1.0));
}

static void short_work_has_its_share_beside_an_outsize_one(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_LONG, 9000.0));
    assert_true(enter(1, SRV_LANE_SHORT, 100.0));
    assert_true(enter(2, SRV_LANE_SHORT, 150.0));
    assert_false(enter(3, SRV_LANE_SHORT, 1.0));
}

static void requests_are_counted_too(void **state)
{
    int taken = 0;
    (void)state;
    for (int i = 0; i < PLACES; i++)
        taken += enter(i, SRV_LANE_LONG, 0.0);
    assert_int_equal(taken, 6);
    for (int i = taken; i < PLACES; i++)
        taken += enter(i, SRV_LANE_SHORT, 0.0);
    assert_int_equal(taken, 8);
    assert_true(srv_admission_full(&books));
}

static void place_is_given_back_once(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 600.0));
    assert_true(enter(1, SRV_LANE_SHORT, 300.0));
    leave(0);
    leave(0);
    assert_float_equal(srv_admission_ms(&books), 300.0, 1e-9);
    leave(1);
    assert_true(srv_admission_ms(&books) == 0.0);
    assert_int_equal(books.count[SRV_LANE_SHORT], 0);
}

static void estimate_is_corrected_in_either_direction(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 500.0));
    assert_true(enter(1, SRV_LANE_SHORT, 300.0));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 100.0, 0.0));
    assert_float_equal(srv_admission_ms(&books), 400.0, 1e-9);
    assert_true(srv_admission_settle(&books, &places[1], SRV_LANE_SHORT, 900.0, 0.0));
    assert_false(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 101.0, 0.0));
    assert_false(places[0].entered);
    leave(0);
    assert_float_equal(srv_admission_ms(&books), 900.0, 1e-9);
}

static void what_was_let_in_stays_unless_it_grows(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_LONG, 9000.0));
    assert_true(enter(1, SRV_LANE_SHORT, 900.0));
    assert_true(enter(2, SRV_LANE_LONG, 1.0) == false);
    assert_true(srv_admission_settle(&books, &places[1], SRV_LANE_SHORT, 900.0, 0.0));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_LONG, 9000.0, 0.0));
}

static void request_may_turn_out_to_be_long(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 10.0));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_LONG, 500.0, 0.0));
    assert_true(books.ms[SRV_LANE_SHORT] == 0.0);
    assert_float_equal(books.ms[SRV_LANE_LONG], 500.0, 1e-9);
}

static void slow_sender_loses_its_place_and_finds_another(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 1000.0));
    assert_false(srv_admission_enter(&books, &places[1], SRV_LANE_SHORT, 500.0, SRV_ARRIVING_MS));
    assert_true(
        srv_admission_enter(&books, &places[1], SRV_LANE_SHORT, 500.0, SRV_ARRIVING_MS + 1.0));
    assert_false(places[0].entered);
    assert_false(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 1000.0, 3000.0));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 500.0, 3000.0));
    assert_float_equal(srv_admission_ms(&books), 1000.0, 1e-9);
}

static void complete_request_keeps_its_place(void **state)
{
    (void)state;
    assert_true(enter(0, SRV_LANE_SHORT, 1000.0));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 1000.0, 1.0));
    assert_false(srv_admission_enter(&books, &places[1], SRV_LANE_SHORT, 500.0, 60000.0));
    assert_true(places[0].entered);
}

static void retry_follows_the_rate_at_which_work_leaves(void **state)
{
    double now_ms = 0.0;
    (void)state;
    books.options.max_ms = 1e6;
    assert_true(srv_admission_enter(&books, &places[0], SRV_LANE_SHORT, 4000.0, now_ms));
    assert_true(srv_admission_settle(&books, &places[0], SRV_LANE_SHORT, 4000.0, now_ms));
    assert_int_equal(srv_admission_retry_ms(&books), 4000);
    for (int i = 0; i < 100; i++) { /* work of 100 ms leaves every 200 ms */
        assert_true(srv_admission_enter(&books, &places[1], SRV_LANE_SHORT, 100.0, now_ms));
        now_ms += 200.0;
        srv_admission_leave(&books, &places[1], true, now_ms);
    }
    assert_in_range(srv_admission_retry_ms(&books), 7900, 8100);
    srv_admission_leave(&books, &places[0], false, now_ms);
    assert_int_equal(srv_admission_retry_ms(&books), SRV_MIN_RETRY_MS);
    assert_true(srv_admission_enter(&books, &places[0], SRV_LANE_SHORT, 9e5, now_ms));
    assert_int_equal(srv_admission_retry_ms(&books), SRV_MAX_RETRY_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(cost_is_the_sum_of_what_each_part_takes, open_books),
        cmocka_unit_test_setup(paces_follow_what_is_measured, open_books),
        cmocka_unit_test(fit_tells_what_each_takes_from_what_a_byte_takes),
        cmocka_unit_test(fit_keeps_its_slope_where_sizes_tell_nothing),
        cmocka_unit_test_setup(room_ends_where_the_budget_does, open_books),
        cmocka_unit_test_setup(one_request_of_each_lane_is_always_taken, open_books),
        cmocka_unit_test_setup(long_work_leaves_short_work_its_share, open_books),
        cmocka_unit_test_setup(short_work_has_its_share_beside_an_outsize_one, open_books),
        cmocka_unit_test_setup(requests_are_counted_too, open_books),
        cmocka_unit_test_setup(place_is_given_back_once, open_books),
        cmocka_unit_test_setup(estimate_is_corrected_in_either_direction, open_books),
        cmocka_unit_test_setup(what_was_let_in_stays_unless_it_grows, open_books),
        cmocka_unit_test_setup(request_may_turn_out_to_be_long, open_books),
        cmocka_unit_test_setup(slow_sender_loses_its_place_and_finds_another, open_books),
        cmocka_unit_test_setup(complete_request_keeps_its_place, open_books),
        cmocka_unit_test_setup(retry_follows_the_rate_at_which_work_leaves, open_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
