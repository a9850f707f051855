#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "differences.h"
#include "train/crop_sampler.h"

enum { SEEDS = 300 };

static void check_inside(const struct trn_crop *crop, double width, double height)
{
    assert_true(crop->left >= 0 && crop->top >= 0);
    assert_true(crop->width > 0 && crop->left + crop->width <= width + 1e-9);
    assert_true(crop->height > 0 && crop->top + crop->height <= height + 1e-9);
}

static void every_crop_lies_in_its_frame(void **state)
{
    static const size_t sizes[][2] = {{340, 256}, {224, 224}, {240, 427}, {31, 400}, {1, 1}};
    static const enum trn_crop_kind kinds[] = {TRN_CROP_CENTRE, TRN_CROP_JITTER, TRN_CROP_AREA};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct trn_crop_options options = trn_crop_options_defaults(kinds[k], true);
            for (uint64_t seed = 0; seed < SEEDS; seed++) {
                struct trn_crop crop =
                    trn_crop_choose(&options, sizes[i][0], sizes[i][1], 224, seed);
                check_inside(&crop, (double)sizes[i][0], (double)sizes[i][1]);
            }
        }
    }
}

static void the_centre_is_always_the_same_square(void **state)
{
    const struct trn_crop_options options = trn_crop_options_defaults(TRN_CROP_CENTRE, false);
    (void)state;
    struct trn_crop crop = trn_crop_choose(&options, 299, 224, 224, 5);
    assert_true(crop.left == 37 && crop.top == 0 && crop.width == 224 && crop.height == 224);
    assert_false(crop.mirror);
}

static void jitter_zooms_in_by_up_to_its_bounds(void **state)
{
    const struct trn_crop_options options = trn_crop_options_defaults(TRN_CROP_JITTER, true);
    double least = 1e9, most = 0;
    size_t mirrored = 0, to_the_left = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct trn_crop crop = trn_crop_choose(&options, 400, 300, 224, seed);
        struct trn_crop again = trn_crop_choose(&options, 400, 300, 224, seed);
        assert_true(crop.left == again.left && crop.mirror == again.mirror);
        least = fmin(least, crop.height);
        most = fmax(most, crop.height);
        mirrored += crop.mirror;
        to_the_left += crop.left + crop.width / 2 < 200;
    }
    assert_true(least >= 300 / 1.152 && least < 270 && most <= 300 && most > 290);
    assert_in_range(mirrored, SEEDS / 3, 2 * SEEDS / 3);
    assert_in_range(to_the_left, SEEDS / 3, 2 * SEEDS / 3);
}

static void areas_and_ratios_keep_to_their_bounds(void **state)
{
    const struct trn_crop_options options = trn_crop_options_defaults(TRN_CROP_AREA, false);
    double least = 1, most = 0;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct trn_crop crop = trn_crop_choose(&options, 400, 300, 224, seed);
        double share = crop.width * crop.height / (400.0 * 300.0);
        double ratio = crop.width / crop.height;
        assert_true(ratio > 0.73 && ratio < 1.36 && crop.bounded);
        least = fmin(least, share);
        most = fmax(most, share);
    }
    assert_true(least > 0.078 && least < 0.2 && most > 0.8);
}

static float *sample(const struct trn_crop *crop, const float *frame, size_t width, size_t height,
                     size_t size)
{
    const struct m2c_image image = {
        .data = frame, .plane_stride = width * height, .row_stride = width};
    struct trn_crop_sampler sampler;
    struct m2c_error err;
    float *planes = malloc(3 * size * size * sizeof *planes);
    assert_non_null(planes);
    assert_int_equal(trn_crop_sampler_init(&sampler, crop, width, height, size, &err), M2C_OK);
    trn_crop_sample(&sampler, &image, planes);
    trn_crop_sampler_destroy(&sampler);
    return planes;
}

static void a_crop_on_whole_pixels_is_a_copy_or_its_mirror(void **state)
{
    enum { WIDTH = 13, HEIGHT = 9, SIZE = 6 };
    float *frame = random_floats(3 * WIDTH * HEIGHT, 8);
    (void)state;
    for (int mirror = 0; mirror <= 1; mirror++) {
        const struct trn_crop crop = {
            .left = 4, .top = 2, .width = SIZE, .height = SIZE, .mirror = mirror};
        float *planes = sample(&crop, frame, WIDTH, HEIGHT, SIZE);
        for (size_t p = 0; p < 3; p++)
            for (size_t y = 0; y < SIZE; y++)
                for (size_t x = 0; x < SIZE; x++) {
                    size_t column = 4 + (mirror ? SIZE - 1 - x : x);
                    assert_true(planes[(p * SIZE + y) * SIZE + x] ==
                                frame[(p * HEIGHT + 2 + y) * WIDTH + column]);
                }
        free(planes);
    }
    free(frame);
}

/* Keys' kernel with a = -0.75, as PyTorch's interpolate has it. */
static double kernel(double distance)
{
    double d = fabs(distance);
    if (d <= 1)
        return (1.25 * d - 2.25) * d * d + 1;
    return d < 2 ? -0.75 * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
}

static double value_at(const float *plane, size_t width, size_t height, double x, double y)
{
    double sum = 0;
    for (int k = 0; k < 16; k++) {
        int below = k / 4 - 1, beside = k % 4 - 1;
        double row = floor(y) + below, column = floor(x) + beside;
        size_t i = (size_t)fmin(fmax(row, 0), (double)height - 1);
        size_t j = (size_t)fmin(fmax(column, 0), (double)width - 1);
        sum += kernel(y - row) * kernel(x - column) * (double)plane[i * width + j];
    }
    return sum;
}

static void pixels_are_the_kernels_sum_at_their_centres(void **state)
{
    enum { WIDTH = 20, HEIGHT = 16, SIZE = 10 };
    const struct trn_crop crop = {.left = 0, .top = 3.25, .width = 15.5, .height = 12.75};
    float *frame = random_floats(3 * WIDTH * HEIGHT, 4);
    float *planes = sample(&crop, frame, WIDTH, HEIGHT, SIZE);
    (void)state;
    for (size_t y = 0; y < SIZE; y++)
        for (size_t x = 0; x < SIZE; x++) {
            double column = 1.55 * ((double)x + 0.5) - 0.5;
            double row = 3.25 + 1.275 * ((double)y + 0.5) - 0.5;
            assert_true(fabs((double)planes[y * SIZE + x] -
                             value_at(frame, WIDTH, HEIGHT, column, row)) < 1e-4);
        }
    free(planes);
    free(frame);
}

static void a_bounded_crop_does_not_see_beyond_its_rectangle(void **state)
{
    enum { WIDTH = 12, HEIGHT = 12, SIZE = 8 };
    struct trn_crop crop = {.left = 4, .top = 4, .width = 4, .height = 4, .bounded = true};
    float frame[3 * WIDTH * HEIGHT];
    (void)state;
    for (size_t i = 0; i < 3 * WIDTH * HEIGHT; i++) {
        size_t x = i % WIDTH, y = i / WIDTH % HEIGHT;
        frame[i] = x >= 4 && x < 8 && y >= 4 && y < 8 ? 1.0F : 100.0F;
    }
    float *planes = sample(&crop, frame, WIDTH, HEIGHT, SIZE);
    for (size_t i = 0; i < 3 * SIZE * SIZE; i++)
        assert_true(fabsf(planes[i] - 1.0F) < 1e-5F);
    free(planes);
    crop.bounded = false;
    planes = sample(&crop, frame, WIDTH, HEIGHT, SIZE);
    assert_true(fabsf(planes[0] - 1.0F) > 1.0F);
    free(planes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_crop_lies_in_its_frame),
        cmocka_unit_test(the_centre_is_always_the_same_square),
        cmocka_unit_test(jitter_zooms_in_by_up_to_its_bounds),
        cmocka_unit_test(areas_and_ratios_keep_to_their_bounds),
        cmocka_unit_test(a_crop_on_whole_pixels_is_a_copy_or_its_mirror),
        cmocka_unit_test(pixels_are_the_kernels_sum_at_their_centres),
        cmocka_unit_test(a_bounded_crop_does_not_see_beyond_its_rectangle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
