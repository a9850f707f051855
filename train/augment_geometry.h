/* Moves pixels about: private to rand_augment.c. */
#ifndef TRN_AUGMENT_GEOMETRY_H
#define TRN_AUGMENT_GEOMETRY_H

#include <stddef.h>

/* Where an output pixel comes from, both measured from the frame's middle:
 * x = xx x' + xy y' + x0, y = yx x' + yy y' + y0. */
struct trn_affine {
    double xx, xy, x0, yx, yy, y0;
};

/* out [size, size] <- plane, bilinear; `fill` where nothing is. */
void trn_affine_apply(const struct trn_affine *affine, const float *plane, size_t size, float fill,
                      float *out);

#endif
