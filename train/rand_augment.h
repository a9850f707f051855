/* RandAugment (Cubuk et al. 2020) for clips: a few operations drawn once, done to every frame
 * alike.
 */
#ifndef TRN_RAND_AUGMENT_H
#define TRN_RAND_AUGMENT_H

#include <stddef.h>
#include <stdint.h>

/* Colours as in Pillow's ImageEnhance and ImageOps; geometry about the frame's middle, bilinear,
 * grey where nothing is. No mirror and no turn by more than 30 degrees: an action keeps its side.
 */
enum trn_augment_op {
    TRN_AUGMENT_IDENTITY,
    TRN_AUGMENT_BRIGHTNESS,   /* x -> strength x */
    TRN_AUGMENT_CONTRAST,     /* about the frame's mean grey */
    TRN_AUGMENT_COLOUR,       /* about each pixel's grey */
    TRN_AUGMENT_SHARPNESS,    /* about a 3 x 3 blur */
    TRN_AUGMENT_POSTERIZE,    /* strength bits a channel */
    TRN_AUGMENT_SOLARIZE,     /* x -> 1 - x from strength on */
    TRN_AUGMENT_AUTOCONTRAST, /* each channel stretched to 0..1 */
    TRN_AUGMENT_EQUALIZE,     /* each channel's histogram made even */
    TRN_AUGMENT_ROTATE,       /* strength degrees */
    TRN_AUGMENT_SHEAR_X,      /* strength pixels a pixel */
    TRN_AUGMENT_SHEAR_Y,
    TRN_AUGMENT_TRANSLATE_X, /* strength shares of a side */
    TRN_AUGMENT_TRANSLATE_Y,
    TRN_AUGMENT_OPS
};

enum { TRN_AUGMENT_STEPS_MAX = 4 };

struct trn_augment_step {
    enum trn_augment_op op;
    double strength;
};

struct trn_augment {
    struct trn_augment_step steps[TRN_AUGMENT_STEPS_MAX];
    size_t count;
};

/* Draws `steps` (at most TRN_AUGMENT_STEPS_MAX) operations; `magnitude` 0..10 says how far they go:
 * at 10 colours 0.1 or 1.9, 4 bits, solarize all, 30 degrees, 0.3 a pixel, 0.3 of a side. */
struct trn_augment trn_rand_augment(size_t steps, double magnitude, uint64_t seed);

/* How planes were normalized: x = (rgb / 255 - mean) / std. */
struct trn_colours {
    float mean[3], std[3];
};

/* Does all of it to normalized planes [3, size, size]. scratch: as many floats. */
void trn_augment_apply(const struct trn_augment *augment, const struct trn_colours *colours,
                       size_t size, float *planes, float *scratch);

#endif
