/* Which pieces of waiting work go together, and in which order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "server/engine/batch.h"

enum { MANY = 8 };

static const struct srv_batch_limits limits = {.max_clips = 4, .max_frames = 64};

/* Stands for a model or a set: only its address counts. */
static const char model_a, model_b, set_a, set_b;

static struct m2c_clip_frames clip_of(int views, int frames)
{
    return (struct m2c_clip_frames){
        .temporal_views = views, .spatial_views = 1, .frames_per_view = frames};
}

static struct srv_work views_work(const struct m2c_clip_frames *clip, enum srv_lane lane)
{
    return (struct srv_work){.kind = SRV_WORK_VIEWS,
                             .lane = lane,
                             .served = (const struct srv_served *)(const void *)&model_a,
                             .set = (const struct m2c_set *)(const void *)&set_a,
                             .frames = clip};
}

/* How many pieces of the batch belong to the work. */
static size_t pieces_of(const struct srv_batch *batch, const struct srv_work *work)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->count; i++)
        count += batch->owners[i] == work;
    return count;
}

static void one_work_alone_fills_the_pass(void **state)
{
    const struct m2c_clip_frames clip = clip_of(6, 8);
    struct srv_lanes lanes = {0};
    struct srv_work work = views_work(&clip, SRV_LANE_SHORT);
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &work);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.count, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(batch.views[i].view, i);
    assert_true(work.waiting);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.views[1].view, 5);
    assert_int_equal(work.running, 6);
    assert_false(work.waiting);
    assert_true(srv_lanes_empty(&lanes));
}

static void many_views_take_one_place_while_others_wait(void **state)
{
    const struct m2c_clip_frames long_clip = clip_of(30, 8);
    const struct m2c_clip_frames clip = clip_of(1, 8);
    struct srv_lanes lanes = {0};
    struct srv_work big = views_work(&long_clip, SRV_LANE_SHORT);
    struct srv_work others[3];
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &big);
    for (int i = 0; i < 3; i++) {
        others[i] = views_work(&clip, SRV_LANE_SHORT);
        srv_lanes_enter(&lanes, &others[i]);
    }
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.count, 4);
    assert_int_equal(pieces_of(&batch, &big), 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pieces_of(&batch, &others[i]), 1);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(pieces_of(&batch, &big), 4);
}

static void works_of_several_views_share_in_turn(void **state)
{
    const struct m2c_clip_frames clip = clip_of(3, 8);
    struct srv_lanes lanes = {0};
    struct srv_work a = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work b = views_work(&clip, SRV_LANE_SHORT);
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &a);
    srv_lanes_enter(&lanes, &b);
    srv_batch_take(&lanes, &limits, &batch);
    assert_ptr_equal(batch.owners[0], &a);
    assert_ptr_equal(batch.owners[1], &b);
    assert_ptr_equal(batch.owners[2], &a);
    assert_ptr_equal(batch.owners[3], &b);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.count, 2);
    assert_int_equal(batch.views[0].view, 2);
}

static void only_what_fits_goes_together_and_the_rest_goes_next(void **state)
{
    const struct m2c_clip_frames eight = clip_of(1, 8);
    const struct m2c_clip_frames sixteen = clip_of(1, 16);
    struct srv_lanes lanes = {0};
    struct srv_work first = views_work(&eight, SRV_LANE_SHORT);
    struct srv_work longer = views_work(&sixteen, SRV_LANE_SHORT);
    struct srv_work other_set = views_work(&eight, SRV_LANE_SHORT);
    struct srv_work other_model = views_work(&eight, SRV_LANE_SHORT);
    struct srv_work last = views_work(&eight, SRV_LANE_SHORT);
    struct srv_work *const order[] = {&longer, &other_set, &other_model};
    struct srv_batch batch;
    (void)state;
    other_set.set = (const struct m2c_set *)(const void *)&set_b;
    other_model.served = (const struct srv_served *)(const void *)&model_b;
    srv_lanes_enter(&lanes, &first);
    for (int i = 0; i < 3; i++)
        srv_lanes_enter(&lanes, order[i]);
    srv_lanes_enter(&lanes, &last);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.count, 2);
    assert_ptr_equal(batch.owners[1], &last);
    for (int i = 0; i < 3; i++) {
        srv_batch_take(&lanes, &limits, &batch);
        assert_int_equal(batch.count, 1);
        assert_ptr_equal(batch.owners[0], order[i]);
    }
    assert_true(srv_lanes_empty(&lanes));
}

static void frames_bound_a_pass_and_one_clip_always_goes(void **state)
{
    const struct srv_batch_limits small = {.max_clips = 4, .max_frames = 40};
    const struct m2c_clip_frames clip = clip_of(4, 16);
    const struct m2c_clip_frames huge = clip_of(2, 64);
    struct srv_lanes lanes = {0};
    struct srv_work work = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work wide = views_work(&huge, SRV_LANE_SHORT);
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &work);
    srv_batch_take(&lanes, &small, &batch);
    assert_int_equal(batch.count, 2);
    srv_lanes_leave(&lanes, &work);
    srv_lanes_enter(&lanes, &wide);
    srv_batch_take(&lanes, &small, &batch);
    assert_int_equal(batch.count, 1);
}

static void short_work_passes_long_and_long_gets_a_quarter(void **state)
{
    const struct m2c_clip_frames films = clip_of(1000, 8);
    const struct m2c_clip_frames clips = clip_of(1000, 8);
    struct srv_lanes lanes = {0};
    struct srv_work long_work = views_work(&films, SRV_LANE_LONG);
    struct srv_work short_work = views_work(&clips, SRV_LANE_SHORT);
    struct srv_batch batch;
    int longs = 0;
    (void)state;
    srv_lanes_enter(&lanes, &long_work);
    for (int i = 0; i < 10; i++) /* long alone piles up no debt */
        srv_batch_take(&lanes, &limits, &batch);
    srv_lanes_enter(&lanes, &short_work);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.lane, SRV_LANE_SHORT);
    for (int i = 0; i < 40; i++) {
        srv_batch_take(&lanes, &limits, &batch);
        longs += batch.lane == SRV_LANE_LONG;
        assert_int_equal(pieces_of(&batch, &long_work) > 0, batch.lane == SRV_LANE_LONG);
    }
    assert_int_equal(longs, 10);
}

static void short_clip_waits_for_one_turn_of_long_work_at_most(void **state)
{
    const struct m2c_clip_frames films = clip_of(1000, 8);
    const struct m2c_clip_frames clip = clip_of(1, 8);
    struct srv_lanes lanes = {0};
    struct srv_work long_work = views_work(&films, SRV_LANE_LONG);
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &long_work);
    for (int i = 0; i < 50; i++) {
        struct srv_work work = views_work(&clip, SRV_LANE_SHORT);
        int turns = 0;
        srv_lanes_enter(&lanes, &work);
        while (work.waiting) {
            srv_batch_take(&lanes, &limits, &batch);
            turns++;
        }
        assert_true(turns <= 2);
    }
}

static void texts_are_cut_into_passes_of_their_own(void **state)
{
    enum { TEXTS = 100 };
    static char text[500];
    const char *texts[TEXTS];
    const struct m2c_clip_frames clip = clip_of(1, 8);
    struct srv_lanes lanes = {0};
    struct srv_work list = {.kind = SRV_WORK_TEXTS,
                            .template_text = "A video of {}",
                            .texts = texts,
                            .text_count = TEXTS};
    struct srv_work views = views_work(&clip, SRV_LANE_SHORT);
    struct srv_batch batch;
    size_t done = 0;
    int passes = 0;
    (void)state;
    memset(text, 'x', sizeof text - 1);
    for (int i = 0; i < TEXTS; i++)
        texts[i] = text;
    srv_lanes_enter(&lanes, &list);
    srv_lanes_enter(&lanes, &views);
    while (!srv_lanes_empty(&lanes)) {
        srv_batch_take(&lanes, &limits, &batch);
        if (batch.kind == SRV_WORK_VIEWS) {
            assert_int_equal(passes, 1); /* the list went behind the clip */
            continue;
        }
        assert_int_equal(batch.first, done);
        assert_true(batch.count >= 1 && batch.count * 499 <= SRV_PASS_TEXT_BYTES);
        done += batch.count;
        passes++;
    }
    assert_int_equal(done, TEXTS);
    assert_true(passes >= 6);
}

static void note_dropped(struct srv_work *work, void *context)
{
    struct srv_work **dropped = context;
    *dropped = work;
}

static void what_is_past_its_deadline_leaves(void **state)
{
    const struct m2c_clip_frames clip = clip_of(1, 8);
    struct srv_lanes lanes = {0};
    struct srv_work timeless = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work hurried = views_work(&clip, SRV_LANE_LONG);
    struct srv_work *dropped = NULL;
    (void)state;
    hurried.deadline_ms = 100.0;
    srv_lanes_enter(&lanes, &timeless);
    srv_lanes_enter(&lanes, &hurried);
    srv_lanes_expire(&lanes, 99.0, note_dropped, &dropped);
    assert_null(dropped);
    srv_lanes_expire(&lanes, 100.0, note_dropped, &dropped);
    assert_ptr_equal(dropped, &hurried);
    assert_false(hurried.waiting);
    assert_int_equal(lanes.lines[SRV_LANE_LONG].count, 0);
    assert_int_equal(lanes.lines[SRV_LANE_SHORT].count, 1);
}

static void batch_ends_early_when_nobody_wants_any_of_it(void **state)
{
    const struct m2c_clip_frames clip = clip_of(2, 8);
    struct srv_lanes lanes = {0};
    struct srv_work a = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work b = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work stranger = views_work(&clip, SRV_LANE_SHORT);
    struct srv_batch batch;
    (void)state;
    srv_lanes_enter(&lanes, &a);
    srv_lanes_enter(&lanes, &b);
    srv_batch_take(&lanes, &limits, &batch);
    assert_int_equal(batch.live, 4);
    srv_batch_forget(&batch, &stranger);
    srv_batch_forget(&batch, &a);
    assert_int_equal(batch.live, 2);
    assert_false(atomic_load(&batch.cancel));
    srv_batch_forget(&batch, &b);
    assert_true(atomic_load(&batch.cancel));
}

static void free_team_waits_only_for_a_pass_that_can_grow(void **state)
{
    const struct srv_batch_limits patient = {.max_clips = 2, .max_frames = 64, .max_wait_ms = 30.0};
    const struct m2c_clip_frames clip = clip_of(1, 8);
    struct srv_lanes lanes = {0};
    struct srv_work a = views_work(&clip, SRV_LANE_SHORT);
    struct srv_work b = views_work(&clip, SRV_LANE_SHORT);
    (void)state;
    a.queued_ms = 1000.0;
    b.queued_ms = 1010.0;
    srv_lanes_enter(&lanes, &a);
    assert_true(srv_batch_due_ms(&lanes, &limits) == 0.0);
    assert_true(srv_batch_due_ms(&lanes, &patient) == 1030.0);
    srv_lanes_enter(&lanes, &b);
    assert_true(srv_batch_due_ms(&lanes, &patient) == 0.0);
}

static void lanes_follow_the_size_of_what_is_asked(void **state)
{
    (void)state;
    assert_int_equal(srv_lane_of_frames(8), SRV_LANE_SHORT);
    assert_int_equal(srv_lane_of_frames(SRV_SHORT_FRAMES), SRV_LANE_SHORT);
    assert_int_equal(srv_lane_of_frames(SRV_SHORT_FRAMES + 1), SRV_LANE_LONG);
    assert_int_equal(srv_lane_of_texts(SRV_SHORT_TEXTS), SRV_LANE_SHORT);
    assert_int_equal(srv_lane_of_texts(SRV_SHORT_TEXTS + 1), SRV_LANE_LONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_work_alone_fills_the_pass),
        cmocka_unit_test(many_views_take_one_place_while_others_wait),
        cmocka_unit_test(works_of_several_views_share_in_turn),
        cmocka_unit_test(only_what_fits_goes_together_and_the_rest_goes_next),
        cmocka_unit_test(frames_bound_a_pass_and_one_clip_always_goes),
        cmocka_unit_test(short_work_passes_long_and_long_gets_a_quarter),
        cmocka_unit_test(short_clip_waits_for_one_turn_of_long_work_at_most),
        cmocka_unit_test(texts_are_cut_into_passes_of_their_own),
        cmocka_unit_test(what_is_past_its_deadline_leaves),
        cmocka_unit_test(batch_ends_early_when_nobody_wants_any_of_it),
        cmocka_unit_test(free_team_waits_only_for_a_pass_that_can_grow),
        cmocka_unit_test(lanes_follow_the_size_of_what_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
