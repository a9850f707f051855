/* The video tower's way in: x = [class token | patches W] + positions, forward and backward. */
#ifndef TRN_PATCHES_H
#define TRN_PATCHES_H

#include "m2clip.h"
#include "train/network.h"

struct trn_patches {
    const struct trn_vision_network *vision;
    size_t grid, patch_px; /* patches along a side, pixels along a patch's */
    size_t frames;         /* F = B T */
    float *rows;           /* [F L, 3 p p]; a class token's row is zero */
};

/* x: [F L, C] out. images: [F]. */
void trn_patches_forward(struct m2c_team *team, const struct trn_patches *patches,
                         const struct m2c_image *images, float *x);

/* Adds the gradients of patch embedding, class token and positions, given dx [F L, C]; `rows` are
 * still those of the forward pass. */
void trn_patches_backward(struct m2c_team *team, const struct trn_patches *patches,
                          const float *dx);

bool trn_patches_trained(const struct trn_vision_network *vision);

#endif
