/* The decoders: lanes, the memory of decoded frames, cancelling and deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/decoder_pool.h"
#include "tests/unit/video/made_video.h"

enum { MANY = 4, PLENTY = 1 << 30 };

static struct m2c_error err;
static uv_loop_t loop;
static struct srv_mailbox box;
static struct srv_decoder_pool *pool;
static struct made_video video;

struct asker {
    struct srv_decode decode;
    struct m2c_clip_frames frames;
    enum m2c_status status;
    int order; /* 1: the first that was done; 0: not yet */
};

static struct asker askers[MANY];
static int dones;

static void on_frames(struct srv_decode *decode, struct m2c_clip_frames *frames)
{
    struct asker *asker = SRV_CONTAINER(decode, struct asker, decode);
    asker->frames = *frames;
    memset(frames, 0, sizeof *frames);
}

static void on_done(struct srv_decode *decode, const struct m2c_error *outcome)
{
    struct asker *asker = SRV_CONTAINER(decode, struct asker, decode);
    asker->status = outcome->status;
    asker->order = ++dones;
}

static void open_pool(int threads, size_t max_held_bytes)
{
    const struct srv_decoder_options options = {
        .threads = threads, .max_held_bytes = max_held_bytes, .nice = 1};
    memset(askers, 0, sizeof askers);
    dones = 0;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(srv_mailbox_open(&box, &loop, &err), M2C_OK);
    assert_int_equal(srv_decoder_pool_new(&box, &options, &pool, &err), M2C_OK);
}

static void give_back(struct asker *asker)
{
    m2c_clip_frames_destroy(&asker->frames);
    srv_decoder_return(pool, &asker->decode);
}

static void close_pool(void)
{
    for (int i = 0; i < MANY; i++)
        if (askers[i].order > 0)
            give_back(&askers[i]);
    struct srv_engine_stats stats = {0};
    srv_decoder_stats(pool, &stats);
    assert_int_equal(stats.decoded_bytes, 0);
    assert_int_equal(stats.decoding + stats.waiting_decodes, 0);
    srv_decoder_pool_free(&pool);
    srv_mailbox_close(&box, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void submit(struct asker *asker, enum srv_lane lane, double deadline_ms)
{
    asker->decode.bytes = video.bytes;
    asker->decode.size = video.size;
    asker->decode.lane = lane;
    asker->decode.deadline_ms = deadline_ms;
    asker->decode.plan = m2c_decode_plan_defaults();
    asker->decode.plan.size_px = 32;
    asker->decode.on_frames = on_frames;
    asker->decode.done = on_done;
    srv_decoder_submit(pool, &asker->decode);
}

static void wait_for(int count)
{
    while (dones < count)
        (void)uv_run(&loop, UV_RUN_ONCE);
}

static size_t waiting(void)
{
    struct srv_engine_stats stats = {0};
    srv_decoder_stats(pool, &stats);
    return stats.waiting_decodes;
}

static void short_video_goes_before_long_ones_that_wait(void **state)
{
    (void)state;
    open_pool(1, PLENTY);
    for (int i = 0; i < 3; i++)
        submit(&askers[i], SRV_LANE_LONG, 0.0);
    submit(&askers[3], SRV_LANE_SHORT, 0.0);
    wait_for(4);
    assert_true(askers[3].order <= 2);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(askers[i].status, M2C_OK);
        assert_int_equal(askers[i].frames.frame_count, 8);
    }
    close_pool();
}

static void one_of_several_threads_is_for_short_videos(void **state)
{
    (void)state;
    open_pool(2, PLENTY);
    for (int i = 0; i < 3; i++)
        submit(&askers[i], SRV_LANE_LONG, 0.0);
    submit(&askers[3], SRV_LANE_SHORT, 0.0);
    wait_for(4);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(askers[i].status, M2C_OK);
    close_pool();
}

static void decoding_waits_for_memory_lane_by_lane(void **state)
{
    (void)state;
    open_pool(1, 1); /* one of each lane at a time */
    submit(&askers[0], SRV_LANE_LONG, 0.0);
    wait_for(1);
    submit(&askers[1], SRV_LANE_LONG, 0.0);
    submit(&askers[2], SRV_LANE_SHORT, 0.0);
    wait_for(2);
    assert_int_equal(askers[2].order, 2);
    submit(&askers[3], SRV_LANE_SHORT, 0.0);
    assert_int_equal(waiting(), 2);
    give_back(&askers[0]);
    wait_for(3);
    assert_int_equal(askers[1].order, 3);
    assert_int_equal(waiting(), 1);
    give_back(&askers[2]);
    wait_for(4);
    assert_int_equal(askers[3].status, M2C_OK);
    close_pool();
}

static void what_is_cancelled_or_late_is_not_decoded(void **state)
{
    struct srv_engine_stats stats = {0};
    (void)state;
    open_pool(1, 1);
    submit(&askers[0], SRV_LANE_SHORT, 0.0);
    wait_for(1);
    submit(&askers[1], SRV_LANE_SHORT, 0.0); /* has no memory */
    srv_decoder_cancel(pool, &askers[1].decode);
    wait_for(2);
    assert_int_equal(askers[1].status, M2C_CANCELLED);
    submit(&askers[2], SRV_LANE_SHORT, m2c_clock_ms() - 1.0);
    wait_for(3);
    assert_int_equal(askers[2].status, M2C_DEADLINE);
    assert_true(askers[1].decode.decode_ms == 0.0 && askers[2].decode.decode_ms == 0.0);
    srv_decoder_stats(pool, &stats);
    assert_int_equal(stats.cancelled, 1);
    assert_int_equal(stats.expired, 1);
    close_pool();
}

static void what_does_not_decode_holds_nothing(void **state)
{
    struct srv_engine_stats stats = {0};
    (void)state;
    open_pool(1, PLENTY);
    submit(&askers[0], SRV_LANE_SHORT, 0.0);
    wait_for(1);
    srv_decoder_stats(pool, &stats);
    assert_true(stats.decoded_bytes > 0);
    give_back(&askers[0]);
    askers[0].decode.size = 20;
    srv_decoder_submit(pool, &askers[0].decode);
    wait_for(2);
    assert_int_not_equal(askers[0].status, M2C_OK);
    srv_decoder_stats(pool, &stats);
    assert_int_equal(stats.decoded_bytes, 0);
    close_pool();
}

static int make_video(void **state)
{
    (void)state;
    video = made_video("clip.mp4", (const char *const[]){GRAY_RAMP, NULL});
    return 0;
}

static int drop_video(void **state)
{
    free(video.bytes);
    return made_video_cleanup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_video_goes_before_long_ones_that_wait),
        cmocka_unit_test(one_of_several_threads_is_for_short_videos),
        cmocka_unit_test(decoding_waits_for_memory_lane_by_lane),
        cmocka_unit_test(what_is_cancelled_or_late_is_not_decoded),
        cmocka_unit_test(what_does_not_decode_holds_nothing),
    };
    if (!have_ffmpeg()) {
        print_message("skipped: no ffmpeg to make videos with\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, make_video, drop_video);
}
