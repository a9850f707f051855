/* Sparse frames of longer videos are reached over key frames, and are the same ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_video.h"

#define SOURCE "-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=16", "-pix_fmt", "yuv420p"

struct coder {
    const char *name;
    int reordered; /* AVI has no presentation times for such a stream */
    const char *arguments[9];
    const char *containers[6];
};

/* 400 frames in 16 groups of pictures; 8 uniform frames are 50 apart. */
static const struct coder coders[] = {
    {"h264-closed",
     1,
     {"-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "3"},
     {"mp4", "mkv", "ts", "mov", "avi"}},
    {"h264-open",
     1,
     {"-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-x264-params",
      "open-gop=1:scenecut=0:bframes=3"},
     {"mp4", "mkv", "ts"}},
    {"hevc-open",
     1,
     {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
      "keyint=25:bframes=3:open-gop=1:b-adapt=0:scenecut=0"},
     {"mp4", "mkv", "ts"}},
    {"vp8",
     0,
     {"-c:v", "libvpx", "-deadline", "realtime", "-g", "25", "-b:v", "200k"},
     {"webm", "avi"}},
    {"vp9",
     0,
     {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "25"},
     {"webm", "mp4"}},
    {"av1", 0, {"-c:v", "libsvtav1", "-preset", "12", "-g", "25"}, {"mp4", "webm"}},
    {"mpeg4", 0, {"-c:v", "mpeg4", "-g", "25", "-q:v", "4"}, {"avi", "mp4", "mkv"}},
    {"mpeg4-b", 1, {"-c:v", "mpeg4", "-bf", "2", "-g", "25", "-q:v", "4"}, {"mp4", "avi", "mkv"}},
};

static struct made_video encode(const struct coder *coder, const char *file)
{
    const char *arguments[32] = {SOURCE};
    size_t count = 6;
    for (size_t i = 0; i < 9 && coder->arguments[i]; i++)
        arguments[count++] = coder->arguments[i];
    return made_video(file, arguments);
}

static void check_container(const struct coder *coder, const char *container,
                            const struct made_video *video)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_clip_report report;
    plan.size_px = 32;
    struct m2c_clip_frames clip = decode_all_ways(video, &plan, &report);
    print_message("%-11s in %-4s: %d restarts, %lld of 400 decoded\n", coder->name, container,
                  report.restarts, (long long)report.frames_decoded);
    assert_int_equal(clip.facts.frames, 400);
    assert_int_equal(report.kind, coder->reordered && !strcmp(container, "avi")
                                      ? M2C_TIMELINE_BY_COUNT
                                      : M2C_TIMELINE_BY_PTS);
    assert_int_equal(report.restarts, 8);
    assert_true(report.frames_decoded < 220);
    m2c_clip_frames_destroy(&clip);
}

static void check_coder(const struct coder *coder)
{
    char file[32], source[256];
    (void)snprintf(file, sizeof file, "%s.%s", coder->name, coder->containers[0]);
    struct made_video encoded = encode(coder, file);
    if (!encoded.bytes) {
        print_message("skipped: ffmpeg cannot make %s\n", coder->name);
        skip();
    }
    (void)snprintf(source, sizeof source, "%s", made_path(file));
    check_container(coder, coder->containers[0], &encoded);
    free(encoded.bytes);
    for (size_t i = 1; i < 6 && coder->containers[i]; i++) {
        const char *remux[] = {"-i", source, "-c", "copy", NULL};
        (void)snprintf(file, sizeof file, "%s-copy.%s", coder->name, coder->containers[i]);
        struct made_video video = made_video(file, remux);
        check_container(coder, coder->containers[i], &video);
        free(video.bytes);
    }
}

static void each_codec_and_container_seeks_to_the_same_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof coders / sizeof *coders; i++)
        check_coder(&coders[i]);
}

/* A budget of pixels that reading in sequence would break. */
static void a_long_video_does_not_fail_for_its_length(void **state)
{
    (void)state;
    struct made_video video = encode(&coders[0], "long.mp4");
    if (!video.bytes)
        skip();
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_clip_frames clip = {0};
    struct m2c_clip_report report;
    struct m2c_error err;
    plan.size_px = 32;
    plan.limits.max_decoded_pixels = 96 * 64 * 250;
    assert_int_equal(m2c_video_decode(video.bytes, video.size, &plan, &clip, &err), M2C_OK);
    m2c_clip_frames_destroy(&clip);
    assert_int_equal(
        m2c_clip_decode(video.bytes, video.size, &plan, M2C_CLIP_SEQUENTIAL, &clip, &report, &err),
        M2C_TOO_LONG);
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

/* Intra refresh has no key frames but recovery points: the decoder shows nothing until it has
 * recovered, so what a seek cannot give must be found otherwise. */
static void intra_refresh_is_exact(void **state)
{
    (void)state;
    static const char *const files[] = {"refresh.ts", "refresh.mkv"};
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    plan.size_px = 32;
    for (size_t f = 0; f < 2; f++) {
        const char *arguments[] = {SOURCE, "-c:v", "libx264",        "-preset", "veryfast",
                                   "-g",   "25",   "-intra-refresh", "1",       NULL};
        struct made_video video = made_video(files[f], arguments);
        if (!video.bytes)
            skip();
        struct m2c_clip_frames clip = decode_all_ways(&video, &plan, NULL);
        assert_int_equal(clip.facts.frames, 400);
        m2c_clip_frames_destroy(&clip);
        free(video.bytes);
    }
}

/* The file does not say that its first sample is a key frame; it decodes all the same. */
static void decodable_frames_before_the_first_key_frame_are_kept(void **state)
{
    (void)state;
    struct made_video video = encode(&coders[0], "unsaid.mp4");
    if (!video.bytes)
        skip();
    uint8_t *box = memmem(video.bytes, video.size, "stss", 4); /* version, count, samples */
    assert_non_null(box);
    uint8_t *count = box + 8, *samples = box + 12;
    assert_true(count[3] > 2 && samples[3] == 1);
    memmove(samples, samples + 4, 4 * (size_t)(count[3] - 1));
    count[3]--;
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_clip_report report;
    plan.size_px = 32;
    plan.sampling.frames = 64;
    struct m2c_clip_frames clip = decode_all_ways(&video, &plan, &report);
    assert_int_equal(report.kind, M2C_TIMELINE_BY_PTS);
    assert_int_equal(clip.facts.frames, 400);
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

/* One lost packet must not cost a long recording: where counting by decoding is beyond the budget,
 * its packets' word is taken, with a warning. */
static void a_long_damaged_video_is_still_sought_in(void **state)
{
    (void)state;
    enum { TS_PACKET = 188 };
    struct made_video video = encode(&coders[0], "damaged.ts");
    if (!video.bytes)
        skip();
    size_t lost = video.size / TS_PACKET / 3 * TS_PACKET;
    memmove(video.bytes + lost, video.bytes + lost + TS_PACKET, video.size - lost - TS_PACKET);
    video.size -= TS_PACKET;
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_clip_report report;
    plan.size_px = 32;
    plan.limits.max_decoded_pixels = 96 * 64 * 450;
    struct m2c_clip_frames clip = decode_made(&video, &plan, M2C_CLIP_FASTEST, &report);
    assert_int_equal(report.kind, M2C_TIMELINE_BY_PTS);
    assert_int_equal(report.restarts, 8);
    assert_true(clip.warnings & M2C_CLIP_DAMAGED);
    assert_in_range(clip.facts.frames, 399, 400);
    m2c_clip_frames_destroy(&clip);
    free(video.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_codec_and_container_seeks_to_the_same_frames),
        cmocka_unit_test(a_long_video_does_not_fail_for_its_length),
        cmocka_unit_test(intra_refresh_is_exact),
        cmocka_unit_test(decodable_frames_before_the_first_key_frame_are_kept),
        cmocka_unit_test(a_long_damaged_video_is_still_sought_in),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
