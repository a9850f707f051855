/* One step of training: a batch forward, its losses, and every gradient.
 *
 *     total = w_contrastive contrastive + w_cmc CMC + w_vc VC + w_cmlm CMLM
 *
 * Working memory is planned from the batch's sizes before anything runs, and grows when a batch
 * needs more. Letters as in m2clip.h; K label texts.
 */
#ifndef TRN_STEP_H
#define TRN_STEP_H

#include "m2clip.h"
#include "train/network.h"

struct trn_batch {
    size_t clips, frames;           /* B, T */
    const struct m2c_image *images; /* [B T] */
    const int32_t *labels;          /* [B] 0..K-1 */
    const int32_t *label_tokens;    /* [K, context]; what CMC compares with */
    size_t classes;                 /* K */
    const int32_t *masked_tokens;   /* [B, context]: texts of the clips' own labels, words masked:
                                       what contrastive and CMLM read */
    const int32_t *masked_targets;  /* [B, context] TRN_NO_TARGET or a word, 0..M-1 */
    const float *dropout;           /* [B, C] factors before the VC layer, or NULL */
};

/* A weight of 0 switches a loss off: it is neither computed nor reported (0). */
struct trn_losses {
    double total, contrastive, cmc, vc, cmlm;
};

/* (contrastive + CMC) / 2 + VC + CMLM / 10; `total` is not looked at. */
struct trn_losses trn_loss_weights_defaults(void);

struct trn_step_options {
    struct trn_losses weights;
    bool recompute; /* keep the blocks' inputs alone: less memory, about one forward pass more */
};

struct trn_step;

/* A new step on a network and a team, both borrowed for its life. The caller frees it. */
M2C_MUST_USE enum m2c_status trn_step_new(const struct trn_network *network, struct m2c_team *team,
                                          const struct trn_step_options *options,
                                          struct trn_step **out, struct m2c_error *err);
void trn_step_free(struct trn_step **step); /* accepts NULL, nulls the pointer */

/* Checks a batch against the network: ranges of labels, ids and words, heads that a loss needs.
 * M2C_INVALID_REQUEST says what does not fit. */
M2C_MUST_USE enum m2c_status trn_batch_check(const struct trn_network *network,
                                             const struct trn_losses *weights,
                                             const struct trn_batch *batch, struct m2c_error *err);

/* Bytes of working memory that a (checked) batch of these sizes takes. */
size_t trn_step_bytes(const struct trn_step *step, const struct trn_batch *batch);

/* Computes the losses of a (checked) batch and adds every gradient to those of the network's
 * tensors. Fails for want of memory alone. */
M2C_MUST_USE enum m2c_status trn_step_run(struct trn_step *step, const struct trn_batch *batch,
                                          struct trn_losses *losses, struct m2c_error *err);

/* The losses alone. */
M2C_MUST_USE enum m2c_status trn_step_losses(struct trn_step *step, const struct trn_batch *batch,
                                             struct trn_losses *losses, struct m2c_error *err);

/* How many clips of the batch that was run last have their own label on top: by the VC logits
 * (0 without a VC loss), and by the cosine with the label texts (0 without a CMC loss). */
struct trn_hits {
    size_t vc, zeroshot;
};
struct trn_hits trn_step_hits(const struct trn_step *step, const struct trn_batch *batch);

#endif
