/* The layers of a network in training: views into its tensors (train/tensors.h), by the names and
 * shapes that core/model reads. Letters as in model/network.h. */
#ifndef TRN_NETWORK_H
#define TRN_NETWORK_H

#include "model/config.h"
#include "train/block.h"
#include "train/tensors.h"

struct trn_vision_network {
    struct trn_dense patch;                     /* [C, 3 p p], no bias */
    struct trn_view class_embedding, positions; /* [C], [L, C] */
    struct trn_norm ln_pre, ln_post;
    struct trn_block *blocks;    /* [vision.layers], owned */
    struct trn_dense projection; /* [E, C], no bias */
    struct trn_adapter frame;    /* visual.t_adapter: an enhancement, or none */
    struct trn_dense vc;         /* [K, C]; out 0: no head */
};

struct trn_text_network {
    struct trn_view tokens, positions; /* [V, Ct], [context, Ct] */
    struct trn_block *blocks;          /* [text.layers], owned */
    struct trn_norm ln_final;
    struct trn_dense projection; /* [E, Ct], no bias */
};

struct trn_cmlm_network {
    bool present;
    struct trn_block block;   /* its own, or the last encoding one with adapters of its own */
    struct trn_dense dense;   /* [Ct, Ct] */
    struct trn_norm norm;     /* eps 1e-12 */
    struct trn_dense decoder; /* [M, Ct] */
};

struct trn_network {
    struct m2c_config config;
    struct trn_vision_network vision;
    struct trn_text_network text;
    struct trn_cmlm_network cmlm;
    struct trn_view logit_scale; /* []; value NULL: the file has none */
};

/* Finds every layer of a settled list of tensors, which must outlive the network. M2C_BAD_MODEL
 * names the tensor that is missing or has another shape. Destroy in any case. */
M2C_MUST_USE enum m2c_status trn_network_build(const struct m2c_config *config,
                                               const struct trn_tensors *tensors,
                                               struct trn_network *network, struct m2c_error *err);
void trn_network_destroy(struct trn_network *network);

#endif
