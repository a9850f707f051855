/* Expected indices were worked out in Python from m2clip.md, whose round() is half-to-even. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "video/sampling.h"

static void assert_indices(struct m2c_sampling sampling, int64_t n, const int64_t *expected)
{
    int64_t indices[M2C_MAX_FRAMES * M2C_MAX_TEMPORAL_VIEWS];
    struct m2c_error err;
    assert_int_equal(m2c_sampling_check(&sampling, &err), M2C_OK);
    m2c_sample_indices(&sampling, n, indices);
    for (int i = 0; i < sampling.temporal_views * sampling.frames; i++)
        assert_int_equal(indices[i], expected[i]);
}

static struct m2c_sampling sampling_of(int frames, int stride, int temporal, int spatial)
{
    return (struct m2c_sampling){frames, stride, temporal, spatial, NAN, NAN};
}

static void uniform_takes_segment_middles(void **state)
{
    (void)state;
    const int64_t n280[] = {17, 52, 87, 122, 157, 191, 226, 261};
    const int64_t n9[] = {0, 1, 2, 3, 4, 5, 6, 7};
    const int64_t n72[] = {2, 6, 11, 15, 20, 24, 29, 33, 38, 42, 46, 51, 55, 60, 64, 69};
    assert_indices(sampling_of(8, 0, 1, 1), 280, n280);
    assert_indices(sampling_of(8, 0, 1, 1), 9, n9);
    assert_indices(sampling_of(16, 0, 1, 3), 72, n72);
}

static void uniform_rounds_halves_to_even(void **state)
{
    (void)state;
    const int64_t n5[] = {0, 0, 1, 2, 2, 2, 3, 4}, n13[] = {1, 2, 3, 5, 7, 8, 9, 11};
    assert_indices(sampling_of(8, 0, 1, 1), 5, n5);
    assert_indices(sampling_of(8, 0, 1, 1), 13, n13);
}

static void one_frame_is_repeated(void **state)
{
    (void)state;
    const int64_t zeros[24] = {0};
    assert_indices(sampling_of(8, 0, 1, 1), 1, zeros);
    assert_indices(sampling_of(8, 16, 3, 1), 1, zeros);
}

static void strided_views_slide_over_the_video(void **state)
{
    (void)state;
    const int64_t n280[] = {0,   16,  32,  48,  64,  80,  96,  112, 84,  100, 116, 132,
                            148, 164, 180, 196, 167, 183, 199, 215, 231, 247, 263, 279};
    const int64_t n116[] = {1, 17, 33, 49, 65, 81, 97, 113};
    const int64_t n120[] = {0, 5, 38, 43, 76, 81, 114, 119};
    assert_indices(sampling_of(8, 16, 3, 4), 280, n280);
    assert_indices(sampling_of(8, 16, 1, 1), 116, n116);
    assert_indices(sampling_of(2, 5, 4, 1), 120, n120);
}

static void strided_start_rounds_halves_to_even(void **state)
{
    (void)state;
    const int64_t n114[] = {0,  16, 32, 48,  64, 80, 96, 112, 0,  16, 32, 48,
                            64, 80, 96, 112, 1,  17, 33, 49,  65, 81, 97, 113};
    const int64_t n118[] = {0,  16, 32, 48,  64, 80, 96, 112, 2,  18, 34,  50,
                            66, 82, 98, 114, 5,  21, 37, 53,  69, 85, 101, 117};
    assert_indices(sampling_of(8, 16, 3, 1), 114, n114);
    assert_indices(sampling_of(8, 16, 3, 1), 118, n118);
}

static void a_short_video_repeats_its_last_frame(void **state)
{
    (void)state;
    const int64_t n30[] = {0, 16, 29, 29, 29, 29, 29, 29};
    assert_indices(sampling_of(8, 16, 1, 1), 30, n30);
}

static void every_sampling_stays_in_range(void **state)
{
    (void)state;
    const int strides[] = {0, 1, 7, 256};
    int64_t indices[M2C_MAX_FRAMES * M2C_MAX_TEMPORAL_VIEWS];
    for (int64_t n = 1; n < 200; n++)
        for (int frames = 1; frames <= M2C_MAX_FRAMES; frames += 9)
            for (size_t s = 0; s < 4; s++) {
                struct m2c_sampling sampling =
                    sampling_of(frames, strides[s], strides[s] ? M2C_MAX_TEMPORAL_VIEWS : 1, 1);
                m2c_sample_indices(&sampling, n, indices);
                for (int i = 0; i < sampling.temporal_views * frames; i++) {
                    assert_in_range(indices[i], 0, n - 1);
                    assert_true(i % frames == 0 || indices[i] >= indices[i - 1]);
                }
            }
}

static void assert_crop(int view, int views, int height, int width, int top, int left)
{
    int got_top, got_left;
    m2c_view_crop(view, views, height, width, 224, &got_top, &got_left);
    assert_int_equal(got_top, top);
    assert_int_equal(got_left, left);
}

static void crops_lie_along_the_long_side(void **state)
{
    (void)state;
    const int three[3] = {0, 36, 73}, four[4] = {0, 18, 36, 73};
    assert_crop(0, 1, 224, 297, 0, 36);
    assert_crop(0, 1, 297, 224, 36, 0);
    assert_crop(0, 1, 224, 224, 0, 0);
    for (int b = 0; b < 3; b++) {
        assert_crop(b, 3, 224, 297, 0, three[b]);
        assert_crop(b, 3, 297, 224, three[b], 0);
    }
    for (int b = 0; b < 4; b++)
        assert_crop(b, 4, 224, 297, 0, four[b]);
}

static void refuse(struct m2c_sampling sampling, const char *field)
{
    struct m2c_error err;
    assert_int_equal(m2c_sampling_check(&sampling, &err), M2C_INVALID_REQUEST);
    assert_string_equal(err.field, field);
}

static void values_out_of_range_are_refused_by_name(void **state)
{
    (void)state;
    struct m2c_sampling sampling = m2c_sampling_defaults();
    refuse(sampling_of(0, 0, 1, 1), "frames");
    refuse(sampling_of(65, 0, 1, 1), "frames");
    refuse(sampling_of(8, -1, 1, 1), "stride");
    refuse(sampling_of(8, 257, 1, 1), "stride");
    refuse(sampling_of(8, 16, 0, 1), "views");
    refuse(sampling_of(8, 16, 11, 1), "views");
    refuse(sampling_of(8, 16, 1, 2), "views");
    refuse(sampling_of(8, 16, 1, 5), "views");
    refuse(sampling_of(8, 0, 2, 1), "views");
    sampling.start_s = 2.0;
    sampling.end_s = 2.0;
    refuse(sampling, "end_s");
    sampling.end_s = INFINITY;
    refuse(sampling, "end_s");
    sampling.start_s = INFINITY;
    refuse(sampling, "start_s");
}

static void extreme_values_in_range_are_taken(void **state)
{
    (void)state;
    struct m2c_error err;
    struct m2c_sampling widest = sampling_of(64, 256, 10, 4), narrowest = sampling_of(1, 1, 1, 1);
    assert_int_equal(m2c_sampling_check(&widest, &err), M2C_OK);
    assert_int_equal(m2c_sampling_check(&narrowest, &err), M2C_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_takes_segment_middles),
        cmocka_unit_test(uniform_rounds_halves_to_even),
        cmocka_unit_test(one_frame_is_repeated),
        cmocka_unit_test(strided_views_slide_over_the_video),
        cmocka_unit_test(strided_start_rounds_halves_to_even),
        cmocka_unit_test(a_short_video_repeats_its_last_frame),
        cmocka_unit_test(every_sampling_stays_in_range),
        cmocka_unit_test(crops_lie_along_the_long_side),
        cmocka_unit_test(values_out_of_range_are_refused_by_name),
        cmocka_unit_test(extreme_values_in_range_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
