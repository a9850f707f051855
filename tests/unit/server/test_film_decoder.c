/* Films on threads of their own: windows in order, few at a time, and every end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../video/made_video.h"
#include "server/container.h"
#include "server/engine/film_decoder.h"

enum { MAX_WINDOWS = 3, ALL_WINDOWS = 19 };

struct watched {
    struct srv_film film;
    struct srv_film_window *held[ALL_WINDOWS + 1];
    size_t count;
    int most; /* windows that were out at a time */
    int out;
    bool ended;
    enum m2c_status outcome;
    bool holds; /* keeps what comes */
};

static uv_loop_t loop;
static struct srv_mailbox mailbox;
static struct srv_film_decoder *decoder;
static struct made_video video;

static int set_up(void **state)
{
    (void)state;
    struct m2c_error err;
    static const char *const arguments[] = {
        "-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=20", "-c:v", "mpeg4", "-g", "10", NULL};
    video = made_video("film.mp4", arguments);
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(srv_mailbox_open(&mailbox, &loop, &err), M2C_OK);
    assert_int_equal(srv_film_decoder_new(&mailbox, 1, 0, &decoder, &err), M2C_OK);
    return 0;
}

static int tear_down(void **state)
{
    srv_film_decoder_free(&decoder);
    assert_null(decoder);
    srv_mailbox_deliver(&mailbox);
    srv_mailbox_close(&mailbox, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    free(video.bytes);
    return made_video_cleanup(state);
}

static void on_window(struct srv_film *film, struct srv_film_window *window)
{
    struct watched *watched = SRV_CONTAINER(film, struct watched, film);
    assert_false(watched->ended);
    assert_int_equal(window->window.index, watched->count);
    assert_non_null(window->frames.pixels);
    assert_true(watched->count < ALL_WINDOWS);
    watched->held[watched->count++] = window;
    if (++watched->out > watched->most)
        watched->most = watched->out;
    if (watched->holds)
        return;
    watched->out--;
    srv_film_window_return(decoder, window);
}

static void on_done(struct srv_film *film, const struct m2c_error *err)
{
    struct watched *watched = SRV_CONTAINER(film, struct watched, film);
    assert_false(watched->ended);
    watched->ended = true;
    watched->outcome = err->status;
}

static void submit(struct watched *watched)
{
    watched->film = (struct srv_film){.bytes = video.bytes,
                                      .size = video.size,
                                      .plan = m2c_decode_plan_defaults(),
                                      .window_s = 2,
                                      .hop_s = 1,
                                      .max_windows = MAX_WINDOWS,
                                      .on_window = on_window,
                                      .done = on_done};
    watched->film.plan.size_px = 32;
    srv_film_submit(decoder, &watched->film);
}

static void run_until_ended(struct watched *watched)
{
    while (!watched->ended)
        (void)uv_run(&loop, UV_RUN_ONCE);
}

static void skip_without_ffmpeg(void)
{
    if (!video.bytes)
        skip();
}

static void windows_come_in_order_and_done_last(void **state)
{
    (void)state;
    struct watched watched = {.count = 0};
    skip_without_ffmpeg();
    submit(&watched);
    run_until_ended(&watched);
    assert_int_equal(watched.outcome, M2C_OK);
    assert_int_equal(watched.count, ALL_WINDOWS);
    assert_true(watched.film.decode_ms > 0 && watched.film.wait_ms >= 0);
}

static void what_is_not_returned_holds_the_film_up(void **state)
{
    (void)state;
    struct watched watched = {.holds = true};
    skip_without_ffmpeg();
    submit(&watched);
    for (size_t returned = 0; returned < ALL_WINDOWS; returned++) {
        while (watched.count == returned)
            (void)uv_run(&loop, UV_RUN_ONCE);
        watched.out--;
        srv_film_window_return(decoder, watched.held[returned]);
    }
    run_until_ended(&watched);
    assert_int_equal(watched.outcome, M2C_OK);
    assert_true(watched.most <= MAX_WINDOWS);
}

static void a_film_that_is_held_up_can_be_cancelled(void **state)
{
    (void)state;
    struct watched watched = {.holds = true};
    skip_without_ffmpeg();
    submit(&watched);
    while (watched.count < MAX_WINDOWS)
        (void)uv_run(&loop, UV_RUN_ONCE);
    srv_film_cancel(decoder, &watched.film);
    run_until_ended(&watched);
    assert_int_equal(watched.outcome, M2C_CANCELLED);
    assert_int_equal(watched.count, MAX_WINDOWS);
    for (size_t i = 0; i < MAX_WINDOWS; i++)
        srv_film_window_return(decoder, watched.held[i]);
}

static void a_film_that_waits_can_be_cancelled_and_expire(void **state)
{
    (void)state;
    struct watched running = {.holds = true}, waiting = {.count = 0}, late = {.count = 0};
    skip_without_ffmpeg();
    submit(&running);
    submit(&waiting);
    submit(&late);
    late.film.deadline_ms = 1; /* long past; nobody has looked at it yet */
    while (running.count < MAX_WINDOWS)
        (void)uv_run(&loop, UV_RUN_ONCE);
    srv_film_cancel(decoder, &waiting.film);
    run_until_ended(&waiting);
    assert_int_equal(waiting.outcome, M2C_CANCELLED);
    assert_int_equal(waiting.count, 0);
    srv_film_cancel(decoder, &running.film);
    run_until_ended(&running);
    run_until_ended(&late);
    assert_int_equal(late.outcome, M2C_DEADLINE);
    for (size_t i = 0; i < running.count; i++)
        srv_film_window_return(decoder, running.held[i]);
}

static void what_cannot_be_decoded_says_so(void **state)
{
    (void)state;
    struct watched watched = {.count = 0};
    static const unsigned char bytes[] = "no video";
    skip_without_ffmpeg();
    watched.film = (struct srv_film){.bytes = bytes,
                                     .size = sizeof bytes,
                                     .plan = m2c_decode_plan_defaults(),
                                     .window_s = 2,
                                     .hop_s = 1,
                                     .max_windows = 1,
                                     .on_window = on_window,
                                     .done = on_done};
    srv_film_submit(decoder, &watched.film);
    run_until_ended(&watched);
    assert_int_equal(watched.outcome, M2C_UNDECODABLE_VIDEO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_come_in_order_and_done_last),
        cmocka_unit_test(what_is_not_returned_holds_the_film_up),
        cmocka_unit_test(a_film_that_is_held_up_can_be_cancelled),
        cmocka_unit_test(a_film_that_waits_can_be_cancelled_and_expire),
        cmocka_unit_test(what_cannot_be_decoded_says_so),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
