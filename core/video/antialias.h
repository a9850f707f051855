/* The resize of CLIP's own processor: Pillow's bicubic with anti-aliasing on 8-bit images (kernel
 * a = -0.5 stretched by the scale, 22-bit fixed-point weights, rounded to bytes after each pass,
 * rows first), then scaled and normalised. */
#ifndef M2C_VIDEO_ANTIALIAS_H
#define M2C_VIDEO_ANTIALIAS_H

#include "video/resizer.h"

/* Fills the axes and scratch of a resizer whose sizes are set. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_antialias_init(struct m2c_resizer *resizer, struct m2c_error *err);

/* As m2c_resizer_run. */
void m2c_antialias_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                       float *planes);

/* Safe on a zeroed struct. */
void m2c_antialias_axis_destroy(struct m2c_antialias_axis *axis);

#endif
