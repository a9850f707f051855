/* M2-CLIP's resize: PyTorch's interpolate(mode="bicubic", align_corners=False), four taps with
 * a = -0.75, half-pixel centres, borders clamped, no anti-aliasing. */
#ifndef M2C_VIDEO_BICUBIC_H
#define M2C_VIDEO_BICUBIC_H

#include "video/resizer.h"

/* Fills the axes and scratch of a resizer whose sizes are set. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_bicubic_init(struct m2c_resizer *resizer, struct m2c_error *err);

/* As m2c_resizer_run. Columns first, on packed bytes: most rows that the horizontal pass would
 * touch are gone by then. Normalising comes last; it commutes with weights that sum to 1. */
void m2c_bicubic_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                     float *planes);

#endif
