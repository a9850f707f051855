/* From a step's outputs to its losses and their gradients by these outputs. */
#ifndef TRN_OBJECTIVE_H
#define TRN_OBJECTIVE_H

#include "train/carver.h"
#include "train/step.h"

/* What the network gave, borrowed. */
struct trn_outputs {
    const float *video;         /* [B, E] */
    const float *texts;         /* [N, E]: K labels (with CMC), then B of the clips (with
                                   contrastive or CMLM) */
    const float *vc_logits;     /* [B, K'] */
    const float *words;         /* [M, W] */
    const size_t *word_targets; /* [M] */
    struct trn_view logit_scale;
};

struct trn_objective {
    struct trn_losses weights;
    size_t clips, labels, texts, masked;   /* B, K, N, M */
    size_t dim, vc_classes, words;         /* E, K', W */
    float *video_unit, *text_unit, *norms; /* [B, E], [N, E], [B + N] */
    float *d_video_unit, *d_text_unit;     /* [B, E], [N, E] */
    float *cosines, *slope;                /* [B, max(K, B)] */
    int32_t *targets;                      /* [M] */
    float *d_video, *d_texts;              /* [B, E], [N, E] gradients by video and texts */
    float *vc_slope;                       /* [B, K'] gradient by the logits; NULL without VC */
    float *words_slope;                    /* [M, W] likewise */
};

void trn_objective_carve(struct trn_carver *carver, struct trn_objective *objective,
                         const struct trn_losses *weights, const struct trn_network *network,
                         const struct trn_batch *batch, size_t texts, size_t masked);

/* Fills losses, d_video, d_texts, vc_slope and words_slope, and adds to the gradient of the logit
 * scale. */
void trn_objective_run(struct m2c_team *team, struct trn_objective *objective,
                       const struct trn_batch *batch, const struct trn_outputs *outputs,
                       struct trn_losses *losses);

#endif
