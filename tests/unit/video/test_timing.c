/* Frame counts, times and order where containers make them hard. Every clip is decoded by seeking,
 * in sequence and after a counting pass; GRAY_RAMP tells which frame is really shown. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_video.h"

#define H264 "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "veryfast", "-g", "16", "-bf", "3"
#define MADE(file, ...) make(file, (const char *const[]){__VA_ARGS__, NULL})

static struct made_video make(const char *file, const char *const *arguments)
{
    struct made_video video = made_video(file, arguments);
    if (!video.bytes) {
        print_message("skipped: ffmpeg cannot make %s\n", file);
        skip();
    }
    return video;
}

/* The 40 frames of GRAY_RAMP, H.264 with B-frames. */
static struct made_video make_ramp(const char *file)
{
    return MADE(file, GRAY_RAMP, H264);
}

static const char *source_path(const char *file)
{
    static char path[256];
    (void)snprintf(path, sizeof path, "%s", made_path(file));
    return path;
}

static struct m2c_decode_plan small_plan(int frames)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    plan.size_px = 64;
    plan.sampling.frames = frames;
    return plan;
}

/* Decodes `frames` frames in every way, frees the video, and expects frame i of the stream to show
 * frame `first` + i of the ramp. */
static struct m2c_clip_frames check_ramp(struct made_video video, int frames, int64_t count,
                                         int first, struct m2c_clip_report *report)
{
    struct m2c_decode_plan plan = small_plan(frames);
    struct m2c_clip_frames clip = decode_all_ways(&video, &plan, report);
    free(video.bytes);
    assert_int_equal(clip.facts.frames, count);
    for (int i = 0; i < clip.frames_per_view; i++)
        assert_int_equal(ramp_frame(&clip, clip.slots[i]), clip.frame_indices[i] + first);
    return clip;
}

static void assert_regular_times(const struct m2c_clip_frames *clip)
{
    for (int i = 0; i < clip->frames_per_view; i++)
        assert_true(fabs(clip->frame_times_s[i] - (double)clip->frame_indices[i] / 25.0) < 2e-3);
    assert_true(fabs(clip->facts.fps - 25.0) < 0.01);
}

static void check_regular(struct made_video video, int64_t count, int first)
{
    struct m2c_clip_report report;
    struct m2c_clip_frames clip = check_ramp(video, 20, count, first, &report);
    assert_regular_times(&clip);
    m2c_clip_frames_destroy(&clip);
}

static void variable_frame_rate_keeps_its_times(void **state)
{
    (void)state;
    static const char *const files[] = {"vfr.mkv", "vfr.mp4"};
    for (size_t f = 0; f < 2; f++) {
        struct made_video video = MADE(files[f], "-f", "lavfi", "-i",
                                       "nullsrc=s=96x64:r=25:d=1.6,geq=lum='16+N*5':cb=128:cr=128,"
                                       "settb=1/1000,setpts=N*(N+1)*5",
                                       "-vsync", "0", "-enc_time_base", "1/1000", H264);
        struct m2c_clip_report report;
        struct m2c_clip_frames clip = check_ramp(video, 20, 40, 0, &report);
        assert_int_equal(report.kind, M2C_TIMELINE_BY_PTS);
        for (int i = 0; i < clip.frames_per_view; i++) {
            double index = (double)clip.frame_indices[i];
            assert_true(fabs(clip.frame_times_s[i] - index * (index + 1.0) * 0.005) < 1e-3);
        }
        m2c_clip_frames_destroy(&clip);
    }
}

static void a_missing_frame_count_is_counted(void **state)
{
    (void)state;
    check_regular(MADE("live.mkv", GRAY_RAMP, H264, "-f", "matroska", "-live", "1"), 40, 0);
}

static void fragments_are_counted(void **state)
{
    (void)state;
    free(make_ramp("ramp.mp4").bytes);
    check_regular(MADE("fragments.mp4", "-i", source_path("ramp.mp4"), "-c", "copy", "-movflags",
                       "frag_keyframe+empty_moov"),
                  40, 0);
}

static void a_header_in_front_changes_nothing(void **state)
{
    (void)state;
    free(make_ramp("ramp.mp4").bytes);
    check_regular(MADE("faststart.mp4", "-i", source_path("ramp.mp4"), "-c", "copy", "-movflags",
                       "faststart"),
                  40, 0);
}

static void a_stream_that_starts_late_is_timed_from_its_first_frame(void **state)
{
    (void)state;
    static const char *const files[] = {"late.mp4", "late.mkv", "late.ts"};
    for (size_t f = 0; f < 3; f++)
        check_regular(MADE(files[f], GRAY_RAMP, H264, "-output_ts_offset", "100"), 40, 0);
}

static void sound_beside_the_video_is_ignored(void **state)
{
    (void)state;
    static const char *const files[] = {"sound.mp4", "sound.mkv", "sound.ts"};
    for (size_t f = 0; f < 3; f++)
        check_regular(
            MADE(files[f], GRAY_RAMP, "-f", "lavfi", "-i", "sine=d=1.6", H264, "-c:a", "aac"), 40,
            0);
}

static void a_cover_picture_is_no_video(void **state)
{
    (void)state;
    free(make_ramp("ramp.mp4").bytes);
    free(MADE("cover.png", "-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1").bytes);
    char cover[256];
    (void)snprintf(cover, sizeof cover, "%s", made_path("cover.png"));
    check_regular(MADE("cover.mp4", "-i", source_path("ramp.mp4"), "-i", cover, "-map", "1", "-map",
                       "0", "-c", "copy", "-disposition:v:0", "attached_pic"),
                  40, 0);
}

static void one_frame_is_repeated_with_a_warning(void **state)
{
    (void)state;
    static const char *const files[] = {"one.mp4", "one.mkv", "one.avi", "one.ts"};
    for (size_t f = 0; f < 4; f++) {
        struct m2c_clip_report report;
        struct m2c_clip_frames clip =
            check_ramp(MADE(files[f], GRAY_RAMP, H264, "-frames:v", "1"), 8, 1, 0, &report);
        assert_int_equal(clip.frame_count, 1);
        assert_int_equal(clip.warnings, M2C_CLIP_SINGLE_FRAME);
        for (int i = 0; i < 8; i++)
            assert_int_equal(clip.frame_indices[i], 0);
        m2c_clip_frames_destroy(&clip);
    }
    assert_string_equal(m2c_clip_warning_name(M2C_CLIP_SINGLE_FRAME), "single_frame");
}

static void too_few_frames_are_repeated_with_a_warning(void **state)
{
    (void)state;
    struct m2c_clip_report report;
    struct m2c_clip_frames clip =
        check_ramp(MADE("few.mp4", GRAY_RAMP, H264, "-frames:v", "5"), 8, 5, 0, &report);
    assert_int_equal(clip.warnings, M2C_CLIP_FRAMES_REPEATED);
    assert_int_equal(clip.frame_count, 5);
    m2c_clip_frames_destroy(&clip);
}

/* An edit list hides frames that are needed only to decode the first one shown. */
static void an_edit_list_hides_frames(void **state)
{
    (void)state;
    free(make_ramp("ramp.mp4").bytes);
    check_regular(MADE("edit.mp4", "-ss", "0.52", "-i", source_path("ramp.mp4"), "-c", "copy"), 27,
                  13);
}

static void open_groups_of_pictures_lose_nothing(void **state)
{
    (void)state;
    static const char *const files[] = {"open.mp4", "open.ts", "open.mkv"};
    for (size_t f = 0; f < 3; f++) {
        check_regular(MADE(files[f], GRAY_RAMP, H264, "-x264-params", "open-gop=1"), 40, 0);
        check_regular(MADE(files[f], GRAY_RAMP, "-c:v", "libx265", "-preset", "ultrafast",
                           "-x265-params", "keyint=16:bframes=3:open-gop=1:b-adapt=0"),
                      40, 0);
    }
}

/* Cut at an open group: its leading pictures refer to what is gone, and the decoder drops them. */
static void leading_pictures_without_reference_are_not_counted(void **state)
{
    (void)state;
    static const char *const files[] = {"leading.mkv", "leading.ts"};
    free(MADE("open265.mp4", GRAY_RAMP, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
              "keyint=16:bframes=3:open-gop=1:b-adapt=0:scenecut=0")
             .bytes);
    for (size_t f = 0; f < 2; f++)
        check_regular(MADE(files[f], "-ss", "0.7", "-i", source_path("open265.mp4"), "-c", "copy"),
                      24, 16);
}

static void a_transport_stream_cut_in_the_middle_starts_at_a_key_frame(void **state)
{
    (void)state;
    enum { TS_PACKET = 188 };
    struct made_video video = make_ramp("middle.ts");
    video.size -= 9 * TS_PACKET;
    memmove(video.bytes, video.bytes + 9 * TS_PACKET, video.size);
    struct m2c_clip_report report;
    struct m2c_clip_frames clip = check_ramp(video, 20, 24, 16, &report);
    assert_int_equal(report.kind, M2C_TIMELINE_BY_PTS);
    assert_regular_times(&clip);
    m2c_clip_frames_destroy(&clip);
}

static void interlaced_frames_are_counted_once(void **state)
{
    (void)state;
    static const char *const files[] = {"interlaced.ts", "interlaced.mp4"};
    for (size_t f = 0; f < 2; f++)
        check_regular(MADE(files[f], GRAY_RAMP, H264, "-flags", "+ildct+ilme", "-x264-params",
                           "interlaced=1"),
                      40, 0);
}

/* VP8 codes alternate reference frames as packets of their own (in two passes only), VP9 within the
 * next packet. */
static void hidden_reference_frames_are_not_counted(void **state)
{
    (void)state;
    struct m2c_decode_plan plan = small_plan(20);
    static const char *const coders[] = {"libvpx", "libvpx-vp9"};
    char log[256];
    (void)snprintf(log, sizeof log, "%s", made_path("passes"));
    for (size_t c = 0; c < 2; c++) {
        struct made_video video = {0};
        struct m2c_clip_report report;
        for (int pass = 1; pass <= 2; pass++) {
            free(video.bytes);
            video =
                MADE("hidden.webm", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1.6", "-c:v",
                     coders[c], "-b:v", "100k", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-g",
                     "999", "-cpu-used", "4", "-passlogfile", log, "-pass", pass == 1 ? "1" : "2");
        }
        struct m2c_clip_frames clip = decode_all_ways(&video, &plan, &report);
        assert_int_equal(report.kind, M2C_TIMELINE_BY_PTS);
        assert_int_equal(clip.facts.frames, 40);
        m2c_clip_frames_destroy(&clip);
        free(video.bytes);
    }
}

static void joined_streams_go_on_after_the_jump(void **state)
{
    (void)state;
    struct made_video once = make_ramp("once.ts");
    struct made_video twice = {malloc(2 * once.size), 2 * once.size};
    memcpy(twice.bytes, once.bytes, once.size);
    memcpy(twice.bytes + once.size, once.bytes, once.size);
    struct m2c_decode_plan plan = small_plan(20);
    struct m2c_clip_frames clip = decode_all_ways(&twice, &plan, NULL);
    assert_int_equal(clip.facts.frames, 80);
    assert_regular_times(&clip);
    for (int i = 0; i < clip.frames_per_view; i++)
        assert_int_equal(ramp_frame(&clip, clip.slots[i]), clip.frame_indices[i] % 40);
    m2c_clip_frames_destroy(&clip);
    free(once.bytes);
    free(twice.bytes);
}

static void times_against_the_order_of_showing_fall_back_to_counting(void **state)
{
    (void)state;
    struct m2c_clip_report report;
    struct m2c_clip_frames clip = check_ramp(
        MADE("unordered.mp4", GRAY_RAMP ",setpts=N*(N+1)/2*0.01/TB", "-vsync", "0", H264), 8, 40, 0,
        &report);
    assert_int_equal(report.kind, M2C_TIMELINE_DECODED);
    m2c_clip_frames_destroy(&clip);
}

static void extreme_rates_and_time_scales_are_kept(void **state)
{
    (void)state;
    struct m2c_clip_report report;
    struct m2c_clip_frames clip =
        check_ramp(MADE("slow.mp4", "-r", "0.1", GRAY_RAMP, H264), 8, 40, 0, &report);
    m2c_clip_frames_destroy(&clip);
    free(make_ramp("ramp.mp4").bytes);
    check_regular(MADE("fine.mp4", "-i", source_path("ramp.mp4"), "-c", "copy",
                       "-video_track_timescale", "10000000"),
                  40, 0);
}

static void a_range_of_seconds_is_half_open(void **state)
{
    (void)state;
    struct made_video video = MADE("range.mkv", GRAY_RAMP, H264, "-output_ts_offset", "7");
    struct m2c_decode_plan plan = small_plan(4);
    plan.sampling.start_s = 0.4; /* frame 10 */
    plan.sampling.end_s = 0.72;  /* frame 18 is not in it */
    plan.sampling.stride = 2;
    struct m2c_clip_frames clip = decode_all_ways(&video, &plan, NULL);
    const int64_t expected[4] = {10, 12, 14, 16};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(clip.frame_indices[i], expected[i]);
        assert_int_equal(ramp_frame(&clip, clip.slots[i]), expected[i]);
        assert_true(fabs(clip.frame_times_s[i] - (double)expected[i] / 25.0) < 2e-3);
    }
    assert_int_equal(clip.facts.frames, 40);
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

static void an_empty_range_has_no_video(void **state)
{
    (void)state;
    struct made_video video = make_ramp("ramp.mp4");
    struct m2c_decode_plan plan = small_plan(4);
    struct m2c_clip_frames clip;
    struct m2c_error err;
    plan.sampling.start_s = 5.0;
    assert_int_equal(m2c_video_decode(video.bytes, video.size, &plan, &clip, &err), M2C_NO_VIDEO);
    assert_null(clip.pixels);
    plan.sampling.start_s = 0.41;
    plan.sampling.end_s = 0.43;
    assert_int_equal(m2c_video_decode(video.bytes, video.size, &plan, &clip, &err), M2C_NO_VIDEO);
    free(video.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variable_frame_rate_keeps_its_times),
        cmocka_unit_test(a_missing_frame_count_is_counted),
        cmocka_unit_test(fragments_are_counted),
        cmocka_unit_test(a_header_in_front_changes_nothing),
        cmocka_unit_test(a_stream_that_starts_late_is_timed_from_its_first_frame),
        cmocka_unit_test(sound_beside_the_video_is_ignored),
        cmocka_unit_test(a_cover_picture_is_no_video),
        cmocka_unit_test(one_frame_is_repeated_with_a_warning),
        cmocka_unit_test(too_few_frames_are_repeated_with_a_warning),
        cmocka_unit_test(an_edit_list_hides_frames),
        cmocka_unit_test(open_groups_of_pictures_lose_nothing),
        cmocka_unit_test(leading_pictures_without_reference_are_not_counted),
        cmocka_unit_test(a_transport_stream_cut_in_the_middle_starts_at_a_key_frame),
        cmocka_unit_test(interlaced_frames_are_counted_once),
        cmocka_unit_test(hidden_reference_frames_are_not_counted),
        cmocka_unit_test(joined_streams_go_on_after_the_jump),
        cmocka_unit_test(times_against_the_order_of_showing_fall_back_to_counting),
        cmocka_unit_test(extreme_rates_and_time_scales_are_kept),
        cmocka_unit_test(a_range_of_seconds_is_half_open),
        cmocka_unit_test(an_empty_range_has_no_video),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
