/* Cuts a crop out of frames: bicubic resampling with the weights of m2clip.md's resize (a = -0.75,
 * half-pixel centres, borders clamped, no anti-aliasing), mirrored if asked for. A crop that lies
 * on whole pixels at its own size is copied exactly. */
#ifndef TRN_CROP_SAMPLER_H
#define TRN_CROP_SAMPLER_H

#include "m2clip.h"
#include "train/crop_choice.h"

struct trn_crop_sampler {
    size_t size;                        /* pixels along a side that come out */
    size_t width, height;               /* of the frames that go in */
    int32_t *across, *down;             /* [size, 4] columns and rows that are read */
    float *across_weight, *down_weight; /* [size, 4] */
    float *row;                         /* [width] scratch */
};

/* Sets the tables for one clip's crop. M2C_NO_MEMORY. The caller destroys it. */
M2C_MUST_USE enum m2c_status trn_crop_sampler_init(struct trn_crop_sampler *sampler,
                                                   const struct trn_crop *crop, size_t width,
                                                   size_t height, size_t size,
                                                   struct m2c_error *err);

/* planes [3, size, size] <- the crop of a frame of the size given. One thread a sampler. */
void trn_crop_sample(const struct trn_crop_sampler *sampler, const struct m2c_image *frame,
                     float *planes);

/* Safe on a zeroed struct. */
void trn_crop_sampler_destroy(struct trn_crop_sampler *sampler);

#endif
