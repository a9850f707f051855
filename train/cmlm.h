/* The masked-language head of a step: masked words' states attend to their clip's frame features.
 *
 *     z <- pre_attn(z);  z <- z + CrossAttention(q = LN1(z), k = v = LN1(f));  z <- pre_mlp(z)
 *     z <- z + MLP(LN2(z));  logits = decoder(LN(gelu(dense(ln_final(z)))))
 *
 * Only masked words are computed: the loss looks at no other. M masked words, W words to choose
 * from, F = B T frames.
 */
#ifndef TRN_CMLM_H
#define TRN_CMLM_H

#include "train/text.h"
#include "train/vision.h"

struct trn_cmlm {
    const struct trn_network *network;
    struct trn_vision *vision; /* lends features, takes d_features */
    struct trn_text *text;     /* lends states of masked words, takes d_output */
    size_t first_text;         /* of the texts that belong to clip 0, 1, ... */
    size_t masked, frames;     /* M, F */
    struct trn_layout layout;
    struct trn_block_run run; /* of the part behind attention; its state's q and o too */
    size_t *frame_starts;     /* [B + 1] */
    float *z;                 /* [M, Ct] states that come in */
    float *frame_normed;      /* [F, Ct] LN1(f) */
    float *kv, *dkv;          /* [F, 2 Ct] */
    float *y, *final_normed;  /* [M, Ct] block's output; ln_final of it */
    float *dense_z, *dense_h; /* [M, Ct] before bias and activation; behind them */
    float *head_normed;       /* [M, Ct] */
    float *logits;            /* [M, W] */
    float *dz, *dn;           /* [M, Ct] */
    float *d_frames;          /* [F, Ct] */
    float *attention, *stats;
    size_t attention_stride;
};

/* Cuts the memory; vision and text are carved before. */
void trn_cmlm_carve(struct trn_carver *carver, struct trn_cmlm *cmlm, int team_size);

/* Fills logits. */
void trn_cmlm_forward(struct m2c_team *team, struct trn_cmlm *cmlm);

/* Adds all gradients of the head, and what it wants of features and states to vision's d_features
 * and text's d_output. d_logits: [M, W]. */
void trn_cmlm_backward(struct m2c_team *team, struct trn_cmlm *cmlm, const float *d_logits);

#endif
