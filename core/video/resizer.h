/* RGB images -> normalised float planes whose short side is P. */
#ifndef M2C_VIDEO_RESIZER_H
#define M2C_VIDEO_RESIZER_H

#include "video/rgb_image.h"
#include "video/video.h"

/* One axis of the four-tap bicubic: where each output reads, and with which weights. */
struct m2c_bicubic_axis {
    int32_t *index; /* [count, 4], clamped to the image, in elements */
    float *weight;  /* [count, 4] */
};

/* One axis of the anti-aliased bicubic: taps[i] inputs from start[i] on. */
struct m2c_antialias_axis {
    int *start, *taps;
    int32_t *weight; /* [count, max_taps], 22 fraction bits */
    int max_taps;
};

struct m2c_resizer {
    enum m2c_resize mode;
    int in_width, in_height, width, height;
    float scale[3], shift[3]; /* normalised = value * scale + shift, value in 0..255 */
    struct m2c_bicubic_axis bicubic_x, bicubic_y;
    struct m2c_antialias_axis antialias_x, antialias_y;
    void *scratch; /* float rows, or 8-bit images */
};

/* Sets the tables for images of in_width x in_height. The short side becomes plan->size_px, the
 * long side floor(long * size_px / short). The caller destroys it. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_resizer_init(struct m2c_resizer *resizer, int in_width,
                                              int in_height, const struct m2c_decode_plan *plan,
                                              struct m2c_error *err);

/* Resizes `image` (of the size given) into planes[3][height, width] f32, one after the other.
 * Cannot fail. */
void m2c_resizer_run(const struct m2c_resizer *resizer, const struct m2c_rgb_image *image,
                     float *planes);

/* Safe on a zeroed struct. */
void m2c_resizer_destroy(struct m2c_resizer *resizer);

#endif
