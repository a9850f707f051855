/* The network's layers as packed at load: the frozen base and the adapter sets that sit on it.
 *
 * Built from weights by name and exact shape, immutable afterwards. Every layer of the base stands
 * here once, however many sets there are; a set holds adapters and heads alone.
 * Letters: C vision width, Ct text width, Ca adapter width, E embedding, K classes, M words.
 */
#ifndef M2C_MODEL_NETWORK_H
#define M2C_MODEL_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/linear.h"
#include "model/config.h"
#include "model/weights.h"
#include "runtime/team.h"

/* Layer norm parameters, [width] each, owned. */
struct m2c_norm {
    float *gamma, *beta;
    size_t width;
    float eps;
};

/* A residual attention block. The query projection stands apart from key and value, since the last
 * block of a tower needs queries of few rows and keys of all. */
struct m2c_block {
    struct m2c_norm ln_1, ln_2;
    struct m2c_linear *query;     /* [C, C] */
    struct m2c_linear *key_value; /* [2C, C]: keys, then values */
    struct m2c_linear *out;       /* [C, C] */
    struct m2c_linear *fc;        /* [mlp, C] */
    struct m2c_linear *proj;      /* [C, mlp] */
    enum m2c_activation activation;
    int heads;
};

/* The frozen CLIP. */
struct m2c_base {
    struct m2c_config config;
    struct m2c_linear *patch; /* [C, 3 p p]: the patch embedding as one product, no bias */
    float *class_embedding;   /* [C] */
    float *vision_positions;  /* [L, C] */
    struct m2c_norm ln_pre, ln_post;
    struct m2c_block *vision;             /* [vision.layers] */
    struct m2c_linear *vision_projection; /* [E, C] */
    const struct m2c_tensor *tokens;      /* [V, Ct] token embedding, borrowed from the mapping */
    float *text_positions;                /* [context, Ct] */
    struct m2c_block *text;               /* [text.layers] */
    struct m2c_norm ln_final;
    struct m2c_linear *text_projection; /* [E, Ct] */
    struct m2c_block *cmlm;             /* the stored CMLM block, or NULL: the last of `text` */
};

/* Temporal enhancement and difference (m2clip.md, TED-Adapter). The first Ca columns of the hidden
 * rows are the enhancement e, the last Ca the difference d. */
struct m2c_ted_adapter {
    size_t width;            /* Ca */
    struct m2c_linear *down; /* [2 Ca, C]; its bias covers e alone */
    float *time_weight;      /* [3, Ca] */
    float *time_bias;        /* [Ca] */
    float *shift;            /* [Ca] fc1' bias: joins the difference inside the convolution */
    float *space_weight;     /* [9, Ca] */
    float *space_bias;       /* [Ca] */
    struct m2c_linear *up;   /* [C, 2 Ca]; bias = fc2 bias + fc2' bias */
    float *difference_bias;  /* [C] fc2' bias, taken off again where there is no d */
};

/* x + fc2(gelu(fc1 x)). */
struct m2c_text_adapter {
    struct m2c_linear *fc1, *fc2; /* [A, Ct], [Ct, A] */
};

/* f + fc2(DW1D(fc1 f)) on frame features. */
struct m2c_frame_adapter {
    size_t width;
    struct m2c_linear *down, *up; /* [A, E], [E, A] */
    float *time_weight;           /* [3, A] */
    float *time_bias;             /* [A] */
};

/* BERT's prediction head on the CMLM block's states. */
struct m2c_mlm_head {
    struct m2c_linear *dense;   /* [Ct, Ct] */
    struct m2c_norm norm;       /* eps 1e-12 */
    struct m2c_linear *decoder; /* [M, Ct] */
};

/* What trains: adapters and heads of one set. Absent parts are NULL. */
struct m2c_adapters {
    struct m2c_ted_adapter **vision_pre_attn, **vision_pre_mlp; /* [vision.layers] */
    struct m2c_text_adapter **text_pre_attn, **text_pre_mlp;    /* [text.layers + 1]: CMLM last */
    struct m2c_frame_adapter *frame;                            /* visual.t_adapter */
    struct m2c_linear *vc;                                      /* [K, C] */
    struct m2c_mlm_head *mlm;
};

/* Packs the base from canonical names, blocks spread over the team (NULL: this thread alone);
 * tensors are marked used. M2C_BAD_MODEL names the tensor. */
M2C_MUST_USE enum m2c_status m2c_base_load(const struct m2c_config *config,
                                           struct m2c_weights *weights, enum m2c_linear_kind kind,
                                           struct m2c_team *team, struct m2c_base *base,
                                           struct m2c_error *err);
void m2c_base_destroy(struct m2c_base *base);

/* Packs the adapters that `weights` holds (any number, also none), likewise. Safe to destroy in any
 * state. */
M2C_MUST_USE enum m2c_status m2c_adapters_load(const struct m2c_config *config,
                                               struct m2c_weights *weights,
                                               enum m2c_linear_kind kind, struct m2c_team *team,
                                               struct m2c_adapters *adapters,
                                               struct m2c_error *err);
/* The adapters of plain CLIP: none. */
M2C_MUST_USE enum m2c_status m2c_adapters_none(const struct m2c_config *config,
                                               struct m2c_adapters *adapters,
                                               struct m2c_error *err);
void m2c_adapters_destroy(struct m2c_adapters *adapters, const struct m2c_config *config);

/* Calls `visit` for every linear layer. */
typedef void (*m2c_linear_visit)(void *argument, const struct m2c_linear *layer);
void m2c_base_visit(const struct m2c_base *base, m2c_linear_visit visit, void *argument);
void m2c_adapters_visit(const struct m2c_adapters *adapters, const struct m2c_config *config,
                        m2c_linear_visit visit, void *argument);

/* The block that the CMLM head runs in: its own, else the last encoding block. */
const struct m2c_block *m2c_base_cmlm_block(const struct m2c_base *base);

/* L = 1 + P tokens a frame; patches along a side. */
size_t m2c_config_tokens(const struct m2c_config *config);
size_t m2c_config_grid(const struct m2c_config *config);

#endif
