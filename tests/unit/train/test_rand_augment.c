#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "train/rand_augment.h"

enum { SIZE = 9, PIXELS = SIZE * SIZE, VALUES = 3 * PIXELS };

static const struct trn_colours colours = {{0.48F, 0.45F, 0.40F}, {0.27F, 0.26F, 0.28F}};

/* Colours 0..1 of a frame: every level is there, no two channels alike. */
static void fill(float *rgb)
{
    for (size_t i = 0; i < VALUES; i++)
        rgb[i] = (float)(i * 37 % 256) / 255.0F;
}

static void apply(enum trn_augment_op op, double strength, const float *rgb, float *out)
{
    struct trn_augment augment = {.steps = {{op, strength}}, .count = 1};
    float scratch[VALUES];
    for (size_t i = 0; i < VALUES; i++)
        out[i] = (rgb[i] - colours.mean[i / PIXELS]) / colours.std[i / PIXELS];
    trn_augment_apply(&augment, &colours, SIZE, out, scratch);
    for (size_t i = 0; i < VALUES; i++)
        out[i] = out[i] * colours.std[i / PIXELS] + colours.mean[i / PIXELS];
}

static bool near(float a, double b)
{
    return fabs((double)a - b) < 2e-5;
}

static void an_operation_of_no_strength_changes_nothing(void **state)
{
    static const struct trn_augment_step nothing[] = {
        {TRN_AUGMENT_IDENTITY, 0},    {TRN_AUGMENT_BRIGHTNESS, 1}, {TRN_AUGMENT_CONTRAST, 1},
        {TRN_AUGMENT_COLOUR, 1},      {TRN_AUGMENT_SHARPNESS, 1},  {TRN_AUGMENT_POSTERIZE, 8},
        {TRN_AUGMENT_SOLARIZE, 1.01}, {TRN_AUGMENT_ROTATE, 0},     {TRN_AUGMENT_SHEAR_X, 0},
        {TRN_AUGMENT_TRANSLATE_Y, 0},
    };
    float rgb[VALUES], out[VALUES];
    (void)state;
    fill(rgb);
    for (size_t k = 0; k < sizeof nothing / sizeof nothing[0]; k++) {
        apply(nothing[k].op, nothing[k].strength, rgb, out);
        for (size_t i = 0; i < VALUES; i++)
            assert_true(near(out[i], (double)rgb[i]));
    }
}

static void colours_change_as_their_names_say(void **state)
{
    float rgb[VALUES], out[VALUES];
    (void)state;
    fill(rgb);
    apply(TRN_AUGMENT_BRIGHTNESS, 0.5, rgb, out);
    assert_true(near(out[7], (double)rgb[7] / 2));
    apply(TRN_AUGMENT_COLOUR, 0, rgb, out);
    double grey = 0.299 * (double)rgb[5] + 0.587 * (double)rgb[PIXELS + 5] +
                  0.114 * (double)rgb[2 * PIXELS + 5];
    assert_true(near(out[5], grey) && near(out[PIXELS + 5], grey));
    apply(TRN_AUGMENT_CONTRAST, 0, rgb, out);
    for (size_t i = 1; i < VALUES; i++)
        assert_true(near(out[i], (double)out[0]));
    apply(TRN_AUGMENT_SOLARIZE, 0.5, rgb, out);
    for (size_t i = 0; i < VALUES; i++)
        assert_true(near(out[i], rgb[i] >= 0.5F ? 1 - (double)rgb[i] : (double)rgb[i]));
    apply(TRN_AUGMENT_POSTERIZE, 4, rgb, out);
    for (size_t i = 0; i < VALUES; i++)
        assert_true(near(out[i], floor((double)rgb[i] * 255 / 16 + 1e-6) * 16 / 255));
}

static void sharpness_is_measured_from_a_blur(void **state)
{
    float rgb[VALUES] = {0}, out[VALUES];
    size_t middle = SIZE / 2 * SIZE + SIZE / 2;
    (void)state;
    rgb[middle] = 0.65F;
    apply(TRN_AUGMENT_SHARPNESS, 0, rgb, out);
    assert_true(near(out[middle], 0.65 * 5 / 13));
    assert_true(near(out[middle + SIZE + 1], 0.65 / 13));
    assert_true(near(out[middle + 2], 0));
}

static void ranges_are_stretched_and_made_even(void **state)
{
    float rgb[VALUES], out[VALUES];
    (void)state;
    for (size_t i = 0; i < VALUES; i++)
        rgb[i] = 0.3F + 0.4F * (float)(i % PIXELS) / (PIXELS - 1);
    apply(TRN_AUGMENT_AUTOCONTRAST, 0, rgb, out);
    assert_true(near(out[0], 0) && near(out[PIXELS - 1], 1) && near(out[PIXELS / 2], 0.5));
    apply(TRN_AUGMENT_EQUALIZE, 0, rgb, out); /* too few pixels to make 255 levels of */
    assert_true(near(out[3], (double)rgb[3]));
}

static void pixels_move_where_they_should(void **state)
{
    float rgb[VALUES], out[VALUES];
    (void)state;
    fill(rgb);
    apply(TRN_AUGMENT_TRANSLATE_X, 2.0 / SIZE, rgb, out);
    assert_true(near(out[4 * SIZE + 5], (double)rgb[4 * SIZE + 3]));
    assert_true(near(out[4 * SIZE + 1], 0.5));
    apply(TRN_AUGMENT_TRANSLATE_Y, -1.0 / SIZE, rgb, out);
    assert_true(near(out[4 * SIZE + 5], (double)rgb[5 * SIZE + 5]));
    apply(TRN_AUGMENT_ROTATE, 90, rgb, out); /* row and column change places, one turned round */
    assert_true(near(out[2 * SIZE + 3], (double)rgb[(SIZE - 1 - 3) * SIZE + 2]));
    apply(TRN_AUGMENT_SHEAR_X, 1, rgb, out);
    assert_true(near(out[5 * SIZE + 3], (double)rgb[5 * SIZE + 4]));
    assert_true(near(out[4 * SIZE + 3], (double)rgb[4 * SIZE + 3]));
}

static void what_is_drawn_depends_on_the_seed_alone(void **state)
{
    bool seen[TRN_AUGMENT_OPS] = {false};
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct trn_augment first = trn_rand_augment(2, 7, seed);
        struct trn_augment again = trn_rand_augment(2, 7, seed);
        assert_int_equal(first.count, 2);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(first.steps[i].op, again.steps[i].op);
            assert_true(first.steps[i].strength == again.steps[i].strength);
            seen[first.steps[i].op] = true;
            if (first.steps[i].op == TRN_AUGMENT_ROTATE)
                assert_true(fabs(fabs(first.steps[i].strength) - 21) < 1e-9);
        }
    }
    for (size_t op = 0; op < TRN_AUGMENT_OPS; op++)
        assert_true(seen[op]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_operation_of_no_strength_changes_nothing),
        cmocka_unit_test(colours_change_as_their_names_say),
        cmocka_unit_test(sharpness_is_measured_from_a_blur),
        cmocka_unit_test(ranges_are_stretched_and_made_even),
        cmocka_unit_test(pixels_move_where_they_should),
        cmocka_unit_test(what_is_drawn_depends_on_the_seed_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
