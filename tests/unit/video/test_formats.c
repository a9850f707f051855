/* Every container with every codec that it may hold. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "made_video.h"

struct coder {
    const char *name;
    const char *arguments[9];
    const char *containers[6];
};

/* Settings chosen for B-frames, hidden frames and several groups of pictures in 40 frames. */
static const struct coder coders[] = {
    {"h264",
     {"-c:v", "libx264", "-preset", "veryfast", "-g", "16", "-bf", "3"},
     {"mp4", "mov", "mkv", "avi", "ts"}},
    {"hevc",
     {"-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "keyint=16:bframes=3"},
     {"mp4", "mov", "mkv", "ts"}},
    {"vp8",
     {"-c:v", "libvpx", "-deadline", "realtime", "-g", "16", "-auto-alt-ref", "1"},
     {"webm", "mkv", "avi"}},
    {"vp9",
     {"-c:v", "libvpx-vp9", "-cpu-used", "5", "-g", "16", "-auto-alt-ref", "1"},
     {"webm", "mkv", "mp4"}},
    {"av1",
     {"-c:v", "libsvtav1", "-preset", "12", "-g", "16", "-pix_fmt", "yuv420p"},
     {"mp4", "mkv", "webm"}},
    {"mpeg4",
     {"-c:v", "mpeg4", "-g", "16", "-bf", "2", "-q:v", "3"},
     {"mp4", "mov", "mkv", "avi", "ts"}},
};

static struct made_video encode(const struct coder *coder, const char *file)
{
    const char *arguments[32] = {GRAY_RAMP, "-pix_fmt", "yuv420p"};
    size_t count = 6;
    for (size_t i = 0; i < 9 && coder->arguments[i]; i++)
        arguments[count++] = coder->arguments[i];
    return made_video(file, arguments);
}

static void check_clip(const struct coder *coder, const char *container,
                       const struct m2c_clip_frames *clip)
{
    assert_string_equal(clip->facts.codec, coder->name);
    assert_int_equal(clip->facts.frames, 40);
    assert_int_equal(clip->facts.width, 96);
    assert_int_equal(clip->facts.height, 64);
    assert_int_equal(clip->facts.rotation, 0);
    assert_true(fabs(clip->facts.fps - 25.0) < 0.05);
    assert_true(fabs(clip->facts.duration_s - 1.6) < 0.05);
    assert_int_equal(clip->warnings, 0);
    for (int i = 0; i < clip->temporal_views * clip->frames_per_view; i++) {
        int shown = ramp_frame(clip, clip->slots[i]);
        if (shown != clip->frame_indices[i])
            fail_msg("%s in %s: frame %d is shown for %lld", coder->name, container, shown,
                     (long long)clip->frame_indices[i]);
        assert_true(fabs(clip->frame_times_s[i] - (double)shown / 25.0) < 2e-3);
    }
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
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    plan.size_px = 64;
    for (size_t i = 0; i < 6 && coder->containers[i]; i++) {
        struct made_video video = encoded;
        (void)snprintf(file, sizeof file, "%s-copy.%s", coder->name, coder->containers[i]);
        const char *remux[] = {"-i", source, "-c", "copy", NULL, NULL, NULL};
        if (!strcmp(coder->name, "mpeg4") && !strcmp(coder->containers[i], "ts")) {
            remux[4] = "-bsf:v"; /* mp4 keeps the stream's header apart, a transport stream in it */
            remux[5] = "dump_extra";
        }
        if (i > 0)
            video = made_video(file, remux);
        struct m2c_clip_report report;
        struct m2c_clip_frames clip = decode_all_ways(&video, &plan, &report);
        print_message("%-5s in %-4s: timeline %d, %lld decoded\n", coder->name,
                      coder->containers[i], (int)report.kind, (long long)report.frames_decoded);
        check_clip(coder, coder->containers[i], &clip);
        assert_int_not_equal(report.kind, M2C_TIMELINE_DECODED);
        m2c_clip_frames_destroy(&clip);
        if (i > 0)
            free(video.bytes);
    }
    free(encoded.bytes);
}

static void h264_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[0]);
}

static void hevc_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[1]);
}

static void vp8_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[2]);
}

static void vp9_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[3]);
}

static void av1_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[4]);
}

static void mpeg4_is_decoded_from_each_container(void **state)
{
    (void)state;
    check_coder(&coders[5]);
}

struct decoding {
    const struct made_video *video;
    struct m2c_clip_frames clip;
};

static void *decode_in_thread(void *argument)
{
    struct decoding *decoding = argument;
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_error err;
    for (int i = 0; i < 5; i++) {
        m2c_clip_frames_destroy(&decoding->clip);
        if (m2c_video_decode(decoding->video->bytes, decoding->video->size, &plan, &decoding->clip,
                             &err))
            return decoding;
    }
    return NULL;
}

static void threads_decode_side_by_side(void **state)
{
    (void)state;
    struct made_video video = encode(&coders[0], "threads.mp4");
    if (!video.bytes)
        skip();
    struct decoding decodings[3] = {{.video = &video}, {.video = &video}, {.video = &video}};
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_in_thread, &decodings[i]), 0);
    for (int i = 0; i < 3; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    for (int i = 0; i < 3; i++)
        assert_same_clip(&decodings[0].clip, &decodings[i].clip, 0.0);
    for (int i = 0; i < 3; i++)
        m2c_clip_frames_destroy(&decodings[i].clip);
    free(video.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h264_is_decoded_from_each_container),
        cmocka_unit_test(hevc_is_decoded_from_each_container),
        cmocka_unit_test(vp8_is_decoded_from_each_container),
        cmocka_unit_test(vp9_is_decoded_from_each_container),
        cmocka_unit_test(av1_is_decoded_from_each_container),
        cmocka_unit_test(mpeg4_is_decoded_from_each_container),
        cmocka_unit_test(threads_decode_side_by_side),
    };
    return cmocka_run_group_tests(tests, NULL, made_video_cleanup);
}
