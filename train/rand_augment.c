#include "train/rand_augment.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "model/random_numbers.h"
#include "train/augment_geometry.h"

enum { CHANNELS = 3, LEVELS = 256 };

static const double degrees_max = 30.0, shear_max = 0.3, translate_max = 0.3, colour_max = 0.9;
static const double degree = 0.017453292519943295;
static const float grey_fill = 0.5F;

/* ITU-R 601 luma, as Pillow's grey. */
static const float luma[CHANNELS] = {0.299F, 0.587F, 0.114F};

/* How far an operation goes at `share` of its range, to one side or the other. */
static double strength_of(enum trn_augment_op op, double share, double side)
{
    switch (op) {
    case TRN_AUGMENT_BRIGHTNESS:
    case TRN_AUGMENT_CONTRAST:
    case TRN_AUGMENT_COLOUR:
    case TRN_AUGMENT_SHARPNESS:
        return 1 + side * colour_max * share;
    case TRN_AUGMENT_POSTERIZE:
        return 8 - rint(4 * share);
    case TRN_AUGMENT_SOLARIZE:
        return 1 - share;
    case TRN_AUGMENT_ROTATE:
        return side * degrees_max * share;
    case TRN_AUGMENT_SHEAR_X:
    case TRN_AUGMENT_SHEAR_Y:
        return side * shear_max * share;
    case TRN_AUGMENT_TRANSLATE_X:
    case TRN_AUGMENT_TRANSLATE_Y:
        return side * translate_max * share;
    case TRN_AUGMENT_IDENTITY:
    case TRN_AUGMENT_AUTOCONTRAST:
    case TRN_AUGMENT_EQUALIZE:
    case TRN_AUGMENT_OPS:
        break;
    }
    return 0;
}

struct trn_augment trn_rand_augment(size_t steps, double magnitude, uint64_t seed)
{
    struct trn_augment augment = {.count = steps};
    struct m2c_random random;
    assert(steps <= TRN_AUGMENT_STEPS_MAX);
    m2c_random_start(&random, seed, "augment");
    for (size_t i = 0; i < steps; i++) {
        enum trn_augment_op op =
            (enum trn_augment_op)((m2c_random_bits(&random) >> 32) % TRN_AUGMENT_OPS);
        double side = (m2c_random_bits(&random) >> 63) != 0 ? 1.0 : -1.0;
        augment.steps[i] =
            (struct trn_augment_step){.op = op, .strength = strength_of(op, magnitude / 10, side)};
    }
    return augment;
}

static float clamp(float value)
{
    return fminf(fmaxf(value, 0.0F), 1.0F);
}

static float grey_at(const float *planes, size_t count, size_t i)
{
    float grey = 0;
    for (size_t c = 0; c < CHANNELS; c++)
        grey += luma[c] * planes[c * count + i];
    return grey;
}

/* planes <- grey + strength (planes - grey). greys: [count]. */
static void blend_with_grey(float *planes, const float *greys, size_t count, double strength)
{
    for (size_t c = 0; c < CHANNELS; c++) {
        for (size_t i = 0; i < count; i++) {
            float *value = &planes[c * count + i];
            *value = clamp(greys[i] + (float)strength * (*value - greys[i]));
        }
    }
}

static void change_colour(float *planes, size_t count, double strength, float *scratch)
{
    for (size_t i = 0; i < count; i++)
        scratch[i] = grey_at(planes, count, i);
    blend_with_grey(planes, scratch, count, strength);
}

static void change_contrast(float *planes, size_t count, double strength, float *scratch)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)grey_at(planes, count, i);
    for (size_t i = 0; i < count; i++)
        scratch[i] = (float)(sum / (double)count);
    blend_with_grey(planes, scratch, count, strength);
}

/* About Pillow's SMOOTH: the middle five times as heavy as each neighbour; a border stays. */
static void change_sharpness(float *planes, size_t size, double strength, float *scratch)
{
    for (size_t c = 0; c < CHANNELS; c++) {
        float *plane = planes + c * size * size;
        memcpy(scratch, plane, size * size * sizeof *scratch);
        for (size_t y = 1; y + 1 < size; y++) {
            for (size_t x = 1; x + 1 < size; x++) {
                const float *middle = scratch + y * size + x;
                float sum = 4 * *middle;
                for (size_t row = 0; row < 3; row++)
                    for (size_t column = 0; column < 3; column++)
                        sum += scratch[(y + row - 1) * size + x + column - 1];
                float blur = sum / 13;
                plane[y * size + x] = clamp(blur + (float)strength * (*middle - blur));
            }
        }
    }
}

static size_t level_of(float value)
{
    return (size_t)rintf(clamp(value) * (LEVELS - 1));
}

static float level_value(size_t level)
{
    return (float)level / (LEVELS - 1);
}

static void posterize(float *values, size_t count, double bits)
{
    size_t lost = (size_t)1 << (size_t)(8 - bits);
    for (size_t i = 0; i < count; i++)
        values[i] = level_value(level_of(values[i]) & ~(lost - 1));
}

static void solarize(float *values, size_t count, double threshold)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (double)values[i] >= threshold ? 1 - values[i] : values[i];
}

static void stretch(float *plane, size_t count)
{
    float low = plane[0], high = plane[0];
    for (size_t i = 1; i < count; i++) {
        low = fminf(low, plane[i]);
        high = fmaxf(high, plane[i]);
    }
    for (size_t i = 0; high > low && i < count; i++)
        plane[i] = (plane[i] - low) / (high - low);
}

/* Pillow's equalize: a level becomes the share of pixels below it, the last level's left out. */
static void equalize(float *plane, size_t count)
{
    size_t histogram[LEVELS] = {0}, last = 0, below = 0;
    float table[LEVELS];
    for (size_t i = 0; i < count; i++)
        histogram[level_of(plane[i])]++;
    for (size_t level = 0; level < LEVELS; level++)
        last = histogram[level] > 0 ? level : last;
    size_t step = (count - histogram[last]) / (LEVELS - 1);
    if (step == 0)
        return;
    below = step / 2;
    for (size_t level = 0; level < LEVELS; level++) {
        size_t even = below / step;
        table[level] = level_value(even < LEVELS ? even : LEVELS - 1);
        below += histogram[level];
    }
    for (size_t i = 0; i < count; i++)
        plane[i] = table[level_of(plane[i])];
}

/* The way back from an output pixel to where it comes from; false for what moves nothing. */
static bool affine_of(const struct trn_augment_step *step, size_t size, struct trn_affine *affine)
{
    double strength = step->strength;
    *affine = (struct trn_affine){.xx = 1, .yy = 1};
    switch (step->op) {
    case TRN_AUGMENT_ROTATE:
        affine->xx = affine->yy = cos(strength * degree);
        affine->xy = sin(strength * degree);
        affine->yx = -affine->xy;
        return true;
    case TRN_AUGMENT_SHEAR_X:
        affine->xy = strength;
        return true;
    case TRN_AUGMENT_SHEAR_Y:
        affine->yx = strength;
        return true;
    case TRN_AUGMENT_TRANSLATE_X:
        affine->x0 = -strength * (double)size;
        return true;
    case TRN_AUGMENT_TRANSLATE_Y:
        affine->y0 = -strength * (double)size;
        return true;
    case TRN_AUGMENT_IDENTITY:
    case TRN_AUGMENT_BRIGHTNESS:
    case TRN_AUGMENT_CONTRAST:
    case TRN_AUGMENT_COLOUR:
    case TRN_AUGMENT_SHARPNESS:
    case TRN_AUGMENT_POSTERIZE:
    case TRN_AUGMENT_SOLARIZE:
    case TRN_AUGMENT_AUTOCONTRAST:
    case TRN_AUGMENT_EQUALIZE:
    case TRN_AUGMENT_OPS:
        break;
    }
    return false;
}

static void brighten(float *values, size_t count, double strength)
{
    for (size_t i = 0; i < count; i++)
        values[i] = clamp((float)strength * values[i]);
}

static void change_colours(const struct trn_augment_step *step, size_t size, float *planes,
                           float *scratch)
{
    size_t count = size * size;
    switch (step->op) {
    case TRN_AUGMENT_BRIGHTNESS:
        brighten(planes, CHANNELS * count, step->strength);
        break;
    case TRN_AUGMENT_CONTRAST:
        change_contrast(planes, count, step->strength, scratch);
        break;
    case TRN_AUGMENT_COLOUR:
        change_colour(planes, count, step->strength, scratch);
        break;
    case TRN_AUGMENT_SHARPNESS:
        change_sharpness(planes, size, step->strength, scratch);
        break;
    case TRN_AUGMENT_POSTERIZE:
        posterize(planes, CHANNELS * count, step->strength);
        break;
    case TRN_AUGMENT_SOLARIZE:
        solarize(planes, CHANNELS * count, step->strength);
        break;
    case TRN_AUGMENT_AUTOCONTRAST:
        for (size_t c = 0; c < CHANNELS; c++)
            stretch(planes + c * count, count);
        break;
    case TRN_AUGMENT_EQUALIZE:
        for (size_t c = 0; c < CHANNELS; c++)
            equalize(planes + c * count, count);
        break;
    case TRN_AUGMENT_IDENTITY:
    case TRN_AUGMENT_ROTATE:
    case TRN_AUGMENT_SHEAR_X:
    case TRN_AUGMENT_SHEAR_Y:
    case TRN_AUGMENT_TRANSLATE_X:
    case TRN_AUGMENT_TRANSLATE_Y:
    case TRN_AUGMENT_OPS:
        break;
    }
}

void trn_augment_apply(const struct trn_augment *augment, const struct trn_colours *colours,
                       size_t size, float *planes, float *scratch)
{
    size_t count = size * size;
    struct trn_affine affine;
    for (size_t i = 0; i < CHANNELS * count; i++)
        planes[i] = clamp(planes[i] * colours->std[i / count] + colours->mean[i / count]);
    for (size_t s = 0; s < augment->count; s++) {
        if (!affine_of(&augment->steps[s], size, &affine)) {
            change_colours(&augment->steps[s], size, planes, scratch);
            continue;
        }
        memcpy(scratch, planes, CHANNELS * count * sizeof *scratch);
        for (size_t c = 0; c < CHANNELS; c++)
            trn_affine_apply(&affine, scratch + c * count, size, grey_fill, planes + c * count);
    }
    for (size_t i = 0; i < CHANNELS * count; i++)
        planes[i] = (planes[i] - colours->mean[i / count]) / colours->std[i / count];
}
