#include "train/crop_choice.h"

#include <math.h>

#include "model/random_numbers.h"

enum { AREA_TRIES = 10 };

struct trn_crop_options trn_crop_options_defaults(enum trn_crop_kind kind, bool mirror)
{
    return (struct trn_crop_options){.kind = kind,
                                     .jitter_min = 1.0,
                                     .jitter_max = 1.15,
                                     .area_min = 0.08,
                                     .area_max = 1.0,
                                     .ratio_min = 3.0 / 4.0,
                                     .ratio_max = 4.0 / 3.0,
                                     .mirror = mirror};
}

/* Uniform in [low, high). */
static double draw(struct m2c_random *random, double low, double high)
{
    return low + (high - low) * (double)(m2c_random_bits(random) >> 11) * 0x1p-53;
}

/* A whole number in 0..last, each as likely. */
static double draw_place(struct m2c_random *random, double last)
{
    double place = floor(draw(random, 0, last + 1));
    return place < last ? place : last;
}

/* A square of `size` pixels of the frame resized to `short_side`, its corner at the shares `across`
 * and `down` of the room there is, or (NULL) in the middle. */
static struct trn_crop cut_resized(double width, double height, double size, double short_side,
                                   struct m2c_random *random)
{
    double scale_side = width < height ? width : height;
    double resized_width = floor(width * short_side / scale_side);
    double resized_height = floor(height * short_side / scale_side);
    double room_x = resized_width - size, room_y = resized_height - size;
    double left = random ? draw_place(random, room_x) : floor(room_x / 2);
    double top = random ? draw_place(random, room_y) : floor(room_y / 2);
    return (struct trn_crop){.left = left * width / resized_width,
                             .top = top * height / resized_height,
                             .width = size * width / resized_width,
                             .height = size * height / resized_height};
}

/* The middle of a frame, as much of it as the ratios allow. */
static struct trn_crop cut_middle(double width, double height, double ratio_min, double ratio_max)
{
    double ratio = fmin(fmax(width / height, ratio_min), ratio_max);
    double inner_width = fmin(width, rint(height * ratio));
    double inner_height = fmin(height, rint(width / ratio));
    return (struct trn_crop){.left = floor((width - inner_width) / 2),
                             .top = floor((height - inner_height) / 2),
                             .width = inner_width,
                             .height = inner_height};
}

static struct trn_crop cut_area(const struct trn_crop_options *options, double width, double height,
                                struct m2c_random *random)
{
    for (int i = 0; i < AREA_TRIES; i++) {
        double area = width * height * draw(random, options->area_min, options->area_max);
        double ratio = exp(draw(random, log(options->ratio_min), log(options->ratio_max)));
        double inner_width = rint(sqrt(area * ratio)), inner_height = rint(sqrt(area / ratio));
        if (inner_width >= 1 && inner_height >= 1 && inner_width <= width && inner_height <= height)
            return (struct trn_crop){.left = draw_place(random, width - inner_width),
                                     .top = draw_place(random, height - inner_height),
                                     .width = inner_width,
                                     .height = inner_height};
    }
    return cut_middle(width, height, options->ratio_min, options->ratio_max);
}

struct trn_crop trn_crop_choose(const struct trn_crop_options *options, size_t width, size_t height,
                                size_t size, uint64_t seed)
{
    struct m2c_random random;
    struct trn_crop crop = {0};
    double side = (double)size;
    m2c_random_start(&random, seed, "crop");
    switch (options->kind) {
    case TRN_CROP_CENTRE:
        crop = cut_resized((double)width, (double)height, side, side, NULL);
        break;
    case TRN_CROP_JITTER: {
        double jitter = draw(&random, options->jitter_min, options->jitter_max);
        crop = cut_resized((double)width, (double)height, side, rint(side * jitter), &random);
        break;
    }
    case TRN_CROP_AREA:
        crop = cut_area(options, (double)width, (double)height, &random);
        crop.bounded = true;
        break;
    }
    crop.mirror = options->mirror && (m2c_random_bits(&random) >> 63) != 0;
    return crop;
}
