/* Real videos against the authors' preprocessing (m2clip.md, "Preprocessing"). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "golden_file.h"
#include "video/video.h"

enum { SIZE_PX = 224, STEP = 61 };

struct protocol {
    const char *name;
    struct m2c_sampling sampling;
};

static const struct protocol protocols[] = {
    {"uniform8x1x1", {8, 0, 1, 1, NAN, NAN}},
    {"dense8s16x3x1", {8, 16, 3, 1, NAN, NAN}},
    {"dense8s16x3x4", {8, 16, 3, 4, NAN, NAN}},
    {"uniform16x1x3", {16, 0, 1, 3, NAN, NAN}},
};

/* Fills view[3, T, P, P] of spatial view b and temporal view a. */
static void gather_view(const struct m2c_clip_frames *frames, int a, int b, float *view)
{
    for (size_t c = 0; c < 3; c++)
        for (int t = 0; t < frames->frames_per_view; t++) {
            struct m2c_frame_view cut = m2c_frame_view(frames, a, t, b, SIZE_PX);
            for (size_t y = 0; y < SIZE_PX; y++)
                for (size_t x = 0; x < SIZE_PX; x++)
                    *view++ = cut.data[c * cut.plane_stride + y * cut.row_stride + x];
        }
}

static void compare_view(const float *view, size_t count, const float *golden, size_t samples,
                         double *largest, double *sum)
{
    assert_int_equal((count + STEP - 1) / STEP, samples);
    for (size_t i = 0; i < samples; i++) {
        double difference = fabs((double)view[i * STEP] - (double)golden[i]);
        assert_true(isfinite(difference));
        *sum += difference;
        if (difference > *largest)
            *largest = difference;
    }
}

static void moments(const float *values, size_t count, double *mean, double *deviation)
{
    double sum = 0.0, squares = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i];
    *mean = sum / (double)count;
    for (size_t i = 0; i < count; i++)
        squares += ((double)values[i] - *mean) * ((double)values[i] - *mean);
    *deviation = sqrt(squares / (double)count);
}

struct tolerance {
    double largest, mean;
};

static void check_protocol(const struct golden_file *video, const struct golden_file *golden,
                           const struct protocol *protocol, enum m2c_resize resize,
                           struct tolerance tolerance)
{
    struct m2c_decode_plan plan = m2c_decode_plan_defaults();
    struct m2c_clip_frames frames;
    struct m2c_error err;
    plan.sampling = protocol->sampling;
    plan.resize = resize;
    if (m2c_video_decode(video->bytes, video->size, &plan, &frames, &err))
        fail_msg("%s: %s", protocol->name, err.detail);
    size_t every_count, mean_count, std_count;
    float *every = golden_tensor(golden, protocol->name, "every61st", &every_count);
    float *mean = golden_tensor(golden, protocol->name, "mean", &mean_count);
    float *deviation = golden_tensor(golden, protocol->name, "std", &std_count);
    assert_true(every && mean && deviation);
    size_t views = (size_t)(frames.temporal_views * frames.spatial_views);
    assert_int_equal(mean_count, views);
    size_t count = 3u * (size_t)frames.frames_per_view * SIZE_PX * SIZE_PX;
    float *view = malloc(count * sizeof *view);
    double largest = 0.0, sum = 0.0, mean_off = 0.0, deviation_off = 0.0;
    for (size_t v = 0; v < views; v++) {
        int a = (int)v % frames.temporal_views, b = (int)v / frames.temporal_views;
        double view_mean, view_deviation;
        gather_view(&frames, a, b, view);
        compare_view(view, count, every + v * (every_count / views), every_count / views, &largest,
                     &sum);
        moments(view, count, &view_mean, &view_deviation);
        mean_off = fmax(mean_off, fabs(view_mean - (double)mean[v]));
        deviation_off = fmax(deviation_off, fabs(view_deviation - (double)deviation[v]));
    }
    print_message("%-14s largest %.2g mean %.2g; of view means %.2g, deviations %.2g\n",
                  protocol->name, largest, sum / (double)every_count, mean_off, deviation_off);
    assert_true(largest <= tolerance.largest);
    assert_true(sum / (double)every_count <= tolerance.mean);
    assert_true(mean_off <= tolerance.mean * 5 && deviation_off <= tolerance.mean * 5);
    free(view);
    free(every);
    free(mean);
    free(deviation);
    m2c_clip_frames_destroy(&frames);
}

static void check_video(const char *stem, const char *kind, enum m2c_resize resize,
                        size_t protocol_count, struct tolerance tolerance)
{
    char path[512];
    (void)snprintf(path, sizeof path, M2C_TEST_SHARED "/videos/%s.mp4", stem);
    struct golden_file video = golden_file_read(path);
    (void)snprintf(path, sizeof path, M2C_TEST_SHARED "/fixtures/preprocess/%s.%s.safetensors",
                   stem, kind);
    struct golden_file golden = golden_file_read(path);
    if (!video.bytes || !golden.bytes) {
        free(video.bytes);
        free(golden.bytes);
        print_message("skipped: no %s\n", stem);
        skip();
    }
    for (size_t i = 0; i < protocol_count; i++)
        check_protocol(&video, &golden, &protocols[i], resize, tolerance);
    free(video.bytes);
    free(golden.bytes);
}

static const struct tolerance m2clip_tolerance = {5e-4, 2e-5}, clip_tolerance = {0.02, 1e-3};

static void arm_wrestling_is_preprocessed_as_m2clip_does(void **state)
{
    (void)state;
    check_video("arm_wrestling", "preprocess", M2C_RESIZE_BICUBIC, 4, m2clip_tolerance);
}

static void part_0_is_preprocessed_as_m2clip_does(void **state)
{
    (void)state;
    check_video("part_0", "preprocess", M2C_RESIZE_BICUBIC, 4, m2clip_tolerance);
}

static void skeleton_is_preprocessed_as_m2clip_does(void **state)
{
    (void)state;
    check_video("skeleton", "preprocess", M2C_RESIZE_BICUBIC, 4, m2clip_tolerance);
}

static void arm_wrestling_is_preprocessed_as_clip_does(void **state)
{
    (void)state;
    check_video("arm_wrestling", "clip", M2C_RESIZE_BICUBIC_ANTIALIAS, 1, clip_tolerance);
}

static void part_0_is_preprocessed_as_clip_does(void **state)
{
    (void)state;
    check_video("part_0", "clip", M2C_RESIZE_BICUBIC_ANTIALIAS, 1, clip_tolerance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arm_wrestling_is_preprocessed_as_m2clip_does),
        cmocka_unit_test(part_0_is_preprocessed_as_m2clip_does),
        cmocka_unit_test(skeleton_is_preprocessed_as_m2clip_does),
        cmocka_unit_test(arm_wrestling_is_preprocessed_as_clip_does),
        cmocka_unit_test(part_0_is_preprocessed_as_clip_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
