/* The video side of a step: frames -> blocks -> frame features, clip vectors and VC logits, and the
 * way back. Letters as in m2clip.h; F = B T frames. */
#ifndef TRN_VISION_H
#define TRN_VISION_H

#include "train/patches.h"
#include "train/tower.h"

struct trn_vision {
    const struct trn_network *network;
    size_t clips, frames; /* B, T */
    struct trn_patches patches;
    struct trn_layout layout, last_layout;
    size_t *starts, *class_rows, *class_starts;
    struct trn_tower tower;
    float *embedded; /* [F L, C] before ln_pre; where that is trained, else inputs[0] */
    /* Heads; class tokens are tower.output [F, C]. */
    float *class_normed;       /* [F, C] ln_post(class tokens) */
    float *projected;          /* [F, E] before the frame adapter */
    float *features;           /* [F, E] frame features */
    float *video;              /* [B, E] */
    float *mean, *mean_normed; /* [B, C] mean class token; ln_post of it, after dropout */
    float *vc_logits;          /* [B, K] */
    const float *dropout;      /* [B, C] factors of mean_normed, or NULL: none */
    struct m2c_frame_grid frame_grid;
    struct trn_adapter_state frame_state;
    struct trn_adapter_scratch frame_scratch;
    float *d_features, *d_class, *d_normed; /* [F, E], [F, C], [F, C] */
    float *d_mean;                          /* [B, C] */
    float *stats;                           /* [2, F L] */
};

/* Cuts the memory for B clips of T frames. blocks' memory is owned by the caller: runs and inputs
 * of tower must point to [vision.layers] of each. */
void trn_vision_carve(struct trn_carver *carver, struct trn_vision *vision, bool recompute,
                      int team_size);

/* Fills features, video and (with a VC head) vc_logits. images: [B T]. */
void trn_vision_forward(struct m2c_team *team, struct trn_vision *vision,
                        const struct m2c_image *images);

/* Adds all gradients of the video side. d_video: [B, E]; d_vc: [B, K], NULL without a VC loss;
 * d_features of `vision` holds what other heads want of the features (zero if nothing). */
void trn_vision_backward(struct m2c_team *team, struct trn_vision *vision, const float *d_video,
                         const float *d_vc);

#endif
