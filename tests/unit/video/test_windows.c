/* A video cut into windows: each is the clip that decoding its range alone gives. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "golden_file.h"
#include "made_video.h"
#include "video/windows.h"

#define PATTERN(seconds) "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=" seconds
#define B_FRAMES "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "3"

struct seen_window {
    struct m2c_window window;
    struct m2c_clip_frames clip;
};

/* What a decode of windows gave; `stop_after` windows it is ended. */
struct seen {
    struct seen_window *items;
    size_t count, stop_after;
    int64_t decoded_pixels;
};

static bool see(void *context, const struct m2c_window *window, struct m2c_clip_frames *frames)
{
    struct seen *seen = context;
    seen->items = realloc(seen->items, (seen->count + 1) * sizeof *seen->items);
    assert_non_null(seen->items);
    seen->items[seen->count++] = (struct seen_window){*window, *frames};
    seen->decoded_pixels += frames->decoded_pixels;
    *frames = (struct m2c_clip_frames){0};
    return seen->count != seen->stop_after;
}

static void forget(struct seen *seen)
{
    for (size_t i = 0; i < seen->count; i++)
        m2c_clip_frames_destroy(&seen->items[i].clip);
    free(seen->items);
    *seen = (struct seen){0};
}

static struct m2c_decode_plan small_plan(int frames)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    plan.size_px = 32;
    plan.sampling.frames = frames;
    return plan;
}

static struct seen decode(const struct made_video *video, const struct m2c_decode_plan *plan,
                          double window_s, double hop_s)
{
    struct seen seen = {0};
    struct m2c_error err = {0};
    assert_non_null(video->bytes);
    enum m2c_status status = m2c_video_decode_windows(video->bytes, video->size, plan, window_s,
                                                      hop_s, see, &seen, &err);
    if (status)
        fail_msg("%s: %s (%s)", m2c_status_code(status), err.detail, err.context);
    return seen;
}

/* Fails unless each window equals its range decoded alone; windows passed over have no frame. */
static void check_alone(const struct made_video *video, const struct m2c_decode_plan *plan,
                        const struct seen *seen)
{
    size_t at = 0;
    assert_true(seen->count > 0);
    const struct m2c_window_grid *grid = &seen->items[0].window.grid;
    assert_int_equal(seen->items[0].window.count, m2c_window_count(grid));
    for (int64_t k = 0; k < seen->items[0].window.count; k++) {
        struct m2c_decode_plan alone = *plan;
        struct m2c_clip_frames clip;
        struct m2c_error err;
        alone.sampling.start_s = m2c_window_start_s(grid, k);
        alone.sampling.end_s = m2c_window_end_s(grid, k);
        enum m2c_status status = m2c_video_decode(video->bytes, video->size, &alone, &clip, &err);
        if (status == M2C_NO_VIDEO && (at == seen->count || seen->items[at].window.index != k))
            continue;
        assert_int_equal(status, M2C_OK);
        assert_true(at < seen->count);
        assert_int_equal(seen->items[at].window.index, k);
        assert_same_clip(&seen->items[at].clip, &clip, 0.0);
        assert_int_equal(seen->items[at].clip.warnings, clip.warnings);
        assert_int_equal(seen->items[at].clip.facts.width, clip.facts.width);
        m2c_clip_frames_destroy(&clip);
        at++;
    }
    assert_int_equal(at, seen->count);
}

struct grid_case {
    double window_s, hop_s, start_s, end_s;
    int frames, stride;
};

static const struct grid_case grid_cases[] = {{4, 2, NAN, NAN, 8, 0},     {1, 0.25, NAN, NAN, 8, 0},
                                              {0.7, 0.3, NAN, NAN, 3, 0}, {2, 5, NAN, NAN, 4, 0},
                                              {3, 3, 1.5, 7.3, 8, 0},     {2, 1, 0.33, NAN, 5, 4},
                                              {60, 30, NAN, NAN, 8, 0}};

static void check_grids(const struct made_video *video)
{
    for (size_t i = 0; i < sizeof grid_cases / sizeof *grid_cases; i++) {
        const struct grid_case *row = &grid_cases[i];
        struct m2c_decode_plan plan = small_plan(row->frames);
        plan.sampling.stride = row->stride;
        plan.sampling.start_s = row->start_s;
        plan.sampling.end_s = row->end_s;
        struct seen seen = decode(video, &plan, row->window_s, row->hop_s);
        check_alone(video, &plan, &seen);
        forget(&seen);
    }
}

#define MADE(file, ...) made_video(file, (const char *const[]){__VA_ARGS__, NULL})

static void windows_are_the_clips_of_their_ranges(void **state)
{
    (void)state;
    static const char *const files[] = {"b.mp4", "b.mkv", "b.ts", "b.avi"};
    for (size_t f = 0; f < 4; f++) {
        struct made_video video = MADE(files[f], PATTERN("11.3"), B_FRAMES);
        if (!video.bytes)
            skip();
        check_grids(&video);
        free(video.bytes);
    }
}

static void variable_rates_and_open_groups_too(void **state)
{
    (void)state;
    struct made_video videos[] = {
        MADE("vfr.mkv", PATTERN("1.6") ",settb=1/1000,setpts=N*(N+1)*6", "-vsync", "0",
             "-enc_time_base", "1/1000", B_FRAMES),
        MADE("vfr.mp4", PATTERN("1.6") ",settb=1/1000,setpts=N*(N+1)*6", "-vsync", "0",
             "-enc_time_base", "1/1000", B_FRAMES),
        MADE("open.mkv", PATTERN("9"), "-c:v", "libx264", "-preset", "veryfast", "-g", "25",
             "-x264-params", "open-gop=1:scenecut=0:bframes=3"),
        MADE("vp9.webm", PATTERN("9"), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used",
             "8", "-g", "25"),
        MADE("joined.ts", PATTERN("5"), B_FRAMES),
    };
    enum { JOINED = 4 };
    if (!videos[0].bytes)
        skip();
    videos[JOINED].bytes = realloc(videos[JOINED].bytes, 2 * videos[JOINED].size);
    memcpy(videos[JOINED].bytes + videos[JOINED].size, videos[JOINED].bytes, videos[JOINED].size);
    videos[JOINED].size *= 2;
    for (size_t i = 0; i < sizeof videos / sizeof *videos; i++) {
        if (videos[i].bytes)
            check_grids(&videos[i]);
        free(videos[i].bytes);
    }
}

static void real_videos_too(void **state)
{
    (void)state;
    static const char *const files[] = {"arm_wrestling.mp4", "ntu_drink_water.avi", "part_0.mp4",
                                        "skeleton.mp4"};
    size_t checked = 0;
    for (size_t f = 0; f < 4; f++) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/videos/%s", M2C_TEST_SHARED, files[f]);
        struct golden_file file = golden_file_read(path);
        if (!file.bytes)
            continue;
        struct made_video video = {file.bytes, file.size};
        struct m2c_decode_plan plan = small_plan(8);
        struct seen seen = decode(&video, &plan, 2, 0.8);
        check_alone(&video, &plan, &seen);
        forget(&seen);
        free(file.bytes);
        checked++;
    }
    if (checked == 0)
        print_message("skipped: the shared videos are absent\n");
}

static void overlaps_are_decoded_once(void **state)
{
    (void)state;
    struct made_video video = MADE("once.mp4", PATTERN("20"), B_FRAMES);
    if (!video.bytes)
        skip();
    struct m2c_decode_plan plan = small_plan(8);
    struct seen seen = decode(&video, &plan, 4, 0.5);
    assert_int_equal(seen.count, 33);
    assert_true(seen.decoded_pixels <= INT64_C(96) * 64 * 500);
    forget(&seen);
    struct seen sparse = decode(&video, &plan, 0.1, 10);
    assert_int_equal(sparse.count, 2);
    assert_true(sparse.decoded_pixels < INT64_C(96) * 64 * 60);
    forget(&sparse);
    free(video.bytes);
}

static void the_callback_ends_it(void **state)
{
    (void)state;
    struct made_video video = MADE("end.mp4", PATTERN("20"), B_FRAMES);
    if (!video.bytes)
        skip();
    struct m2c_decode_plan plan = small_plan(8);
    struct seen seen = {.stop_after = 3};
    struct m2c_error err;
    assert_int_equal(
        m2c_video_decode_windows(video.bytes, video.size, &plan, 2, 1, see, &seen, &err),
        M2C_CANCELLED);
    assert_int_equal(seen.count, 3);
    assert_true(seen.decoded_pixels < INT64_C(96) * 64 * 160);
    forget(&seen);
    free(video.bytes);
}

/* What one clip over the whole video may not cost, windows may one after the other. */
static void limits_hold_for_each_window(void **state)
{
    (void)state;
    struct made_video video = MADE("limits.mp4", PATTERN("20"), B_FRAMES);
    if (!video.bytes)
        skip();
    struct m2c_decode_plan plan = small_plan(8);
    struct m2c_error err;
    plan.limits.max_decoded_pixels = INT64_C(96) * 64 * 130;
    struct seen seen = decode(&video, &plan, 4, 2);
    assert_int_equal(seen.count, 9);
    forget(&seen);
    plan.limits.max_decoded_pixels = INT64_C(96) * 64 * 30;
    assert_int_equal(
        m2c_video_decode_windows(video.bytes, video.size, &plan, 4, 2, see, &seen, &err),
        M2C_TOO_LONG);
    forget(&seen);
    plan = small_plan(8);
    plan.limits.max_output_bytes = INT64_C(24) * 3 * 48 * 32 * (int64_t)sizeof(float);
    seen = decode(&video, &plan, 4, 1); /* frames are shared: fewer than windows times frames */
    forget(&seen);
    plan.limits.max_output_bytes = INT64_C(9) * 3 * 48 * 32 * (int64_t)sizeof(float);
    assert_int_equal(
        m2c_video_decode_windows(video.bytes, video.size, &plan, 4, 0.9, see, &seen, &err),
        M2C_TOO_LONG);
    forget(&seen);
    plan = small_plan(8);
    plan.limits.max_duration_s = 10;
    assert_int_equal(
        m2c_video_decode_windows(video.bytes, video.size, &plan, 4, 2, see, &seen, &err),
        M2C_TOO_LONG);
    assert_int_equal(seen.count, 0);
    plan = small_plan(8);
    plan.sampling.start_s = 30;
    assert_int_equal(
        m2c_video_decode_windows(video.bytes, video.size, &plan, 4, 2, see, &seen, &err),
        M2C_NO_VIDEO);
    free(video.bytes);
}

static void a_damaged_stream_too_long_to_count_goes_on(void **state)
{
    (void)state;
    enum { TS_PACKET = 188 };
    struct made_video video = MADE("damaged.ts", PATTERN("20"), B_FRAMES);
    if (!video.bytes)
        skip();
    size_t lost = video.size / TS_PACKET / 2 * TS_PACKET;
    memmove(video.bytes + lost, video.bytes + lost + TS_PACKET, video.size - lost - TS_PACKET);
    video.size -= TS_PACKET;
    struct m2c_decode_plan plan = small_plan(8);
    plan.limits.max_decoded_pixels = INT64_C(96) * 64 * 300;
    struct seen seen = decode(&video, &plan, 2, 1);
    assert_int_equal(seen.items[seen.count - 1].window.index, seen.items[0].window.count - 1);
    for (size_t i = 0; i < seen.count; i++)
        assert_int_equal(seen.items[i].window.index, i);
    forget(&seen);
    free(video.bytes);
}

static void a_grid_covers_its_span_without_an_idle_tail(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 1664525u + 1013904223u;
        struct m2c_window_grid grid = {.window_s = 0.1 + (double)(seed >> 8 & 255) / 16,
                                       .hop_s = 0.05 + (double)(seed >> 16 & 127) / 16,
                                       .start_s = (double)(seed >> 4 & 3) * 1.7};
        grid.end_s = grid.start_s + (double)(seed >> 20) / 64;
        int64_t count = m2c_window_count(&grid);
        assert_true(count >= 1);
        double reached_s = m2c_window_end_s(&grid, count - 1);
        double next_s = m2c_window_start_s(&grid, count);
        assert_true(reached_s >= grid.end_s || next_s >= grid.end_s - 1e-3);
        for (int64_t k = 1; k < count; k++) {
            assert_true(m2c_window_start_s(&grid, k) < grid.end_s);
            assert_true(m2c_window_end_s(&grid, k - 1) < grid.end_s);
            assert_true(m2c_window_vote_s(&grid, k) > m2c_window_vote_s(&grid, k - 1));
            assert_true(m2c_window_vote_s(&grid, k) < grid.end_s);
        }
    }
}

static void nine_seconds_are_four_windows(void **state)
{
    (void)state;
    const struct m2c_window_grid nine = {4, 2, 0, 9}, eight = {4, 2, 0, 8}, three = {4, 2, 0, 3};
    assert_int_equal(m2c_window_count(&nine), 4);
    assert_int_equal(m2c_window_count(&eight), 3);
    assert_int_equal(m2c_window_count(&three), 1);
    const struct m2c_window_grid rounded = {4, 2, 0, 8.0000001}, less = {4, 2, 0, 7.9999999};
    assert_int_equal(m2c_window_count(&rounded), 3);
    assert_true(m2c_window_end_s(&rounded, 2) == rounded.end_s);
    assert_int_equal(m2c_window_count(&less), 3);
    assert_true(m2c_window_end_s(&nine, 3) == 9.0);
    assert_true(m2c_window_end_s(&three, 0) == 3.0);
    assert_true(m2c_window_vote_s(&nine, 0) == 0.0);
    assert_true(m2c_window_vote_s(&nine, 1) == 3.0);
}

static void windows_out_of_range_are_refused(void **state)
{
    (void)state;
    static const struct {
        double window_s, hop_s;
        const char *field;
    } rows[] = {{0.05, 1, "window_s"}, {NAN, 1, "window_s"}, {601, 600, "window_s"},
                {4, 0.01, "hop_s"},    {4, 601, "hop_s"},    {4, 0.1, "hop_s"}};
    struct m2c_error err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(m2c_window_check(rows[i].window_s, rows[i].hop_s, &err),
                         M2C_INVALID_REQUEST);
        assert_string_equal(err.field, rows[i].field);
    }
    assert_int_equal(m2c_window_check(4, 0.125, &err), M2C_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_the_clips_of_their_ranges),
        cmocka_unit_test(variable_rates_and_open_groups_too),
        cmocka_unit_test(real_videos_too),
        cmocka_unit_test(overlaps_are_decoded_once),
        cmocka_unit_test(the_callback_ends_it),
        cmocka_unit_test(limits_hold_for_each_window),
        cmocka_unit_test(a_damaged_stream_too_long_to_count_goes_on),
        cmocka_unit_test(a_grid_covers_its_span_without_an_idle_tail),
        cmocka_unit_test(nine_seconds_are_four_windows),
        cmocka_unit_test(windows_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
