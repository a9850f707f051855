/* A residual attention block that can be trained, in either tower.
 *
 *     x1 = pre_attn(x);  x2 = x1 + MHSA(LN1(x1));  x3 = pre_mlp(x2);  y = x3 + W2 a(W1 LN2(x3))
 *
 * The last block of a tower runs queries, output projection, pre-MLP adapter and MLP for the rows
 * that leave it alone: frames' class tokens, texts' end tokens and masked words.
 */
#ifndef TRN_BLOCK_H
#define TRN_BLOCK_H

#include "train/adapter.h"
#include "train/attention.h"
#include "train/norm.h"

struct trn_block {
    struct trn_norm ln_1, ln_2;
    struct trn_dense query, key, value, out; /* [C, C] */
    struct trn_dense fc, proj;               /* [mlp, C], [C, mlp] */
    enum m2c_activation activation;
    size_t heads;
    struct trn_adapter pre_attn, pre_mlp;
};

/* How rows form sequences, and which of them leave the block. Borrowed arrays. */
struct trn_layout {
    size_t sequences, rows;
    const size_t *starts; /* [sequences + 1] */
    size_t kept;
    bool partial;              /* some rows do not leave; else kept = rows */
    const size_t *kept_rows;   /* [kept] ascending; of a partial layout alone */
    const size_t *kept_starts; /* [sequences + 1]; = starts when all leave */
    const size_t *visible;     /* [kept] rows of its sequence that a kept row attends to; NULL: all
                                */
    size_t longest;            /* rows of the longest sequence */
    size_t longest_kept;
    struct m2c_frame_grid grid, kept_grid; /* of TED-Adapters */
};

/* What forward leaves for backward; C = width, rows as said. */
struct trn_block_state {
    const float *x;  /* [rows, C] the input, borrowed */
    float *own_x1;   /* [rows, C] where there is an adapter */
    const float *x1; /* own_x1, or x */
    float *q, *kv;   /* [kept, C], [rows, 2C] */
    float *o;        /* [kept, C] heads' outputs */
    float *x2, *x3;  /* [kept, C]; the same where there is no adapter */
    float *z;        /* [kept, mlp] W1 LN2(x3) without its bias */
    struct trn_adapter_state pre_attn, pre_mlp;
};

/* Memory that passes use and leave behind: any two blocks may share it. */
struct trn_block_scratch {
    float *n, *dn; /* [rows, C] */
    float *kept_n; /* [kept, C]; n where all rows leave */
    float *wide;   /* [kept, mlp], or the gradients of q [kept, C] and kv [rows, 2C] */
    float *hidden; /* [kept, mlp] where the MLP is trained */
    float *stats;  /* [2, rows] */
    float *attention;
    size_t attention_stride;
    struct trn_adapter_scratch pre_attn, pre_mlp; /* share memory with `wide` */
};

/* One block with its memory, ready to run. */
struct trn_block_run {
    const struct trn_block *block;
    const struct trn_layout *layout;
    struct trn_block_state state;
    struct trn_block_scratch scratch;
};

void trn_block_carve_state(struct trn_carver *carver, struct trn_block_run *run);
void trn_block_carve_scratch(struct trn_carver *carver, struct trn_block_run *run, int team_size);

/* y = block(x). x: [rows, C], borrowed until backward has run; y: [kept, C], may be x where
 * backward will not run; NULL: only the state is wanted. */
void trn_block_forward(struct m2c_team *team, struct trn_block_run *run, const float *x, float *y);

/* Adds the parameters' gradients. dy: [kept, C] the gradient of y, overwritten; dx: [rows, C] <-
 * that of x, if `to_input`; may be dy where all rows leave. */
void trn_block_backward(struct m2c_team *team, const struct trn_block_run *run, float *dy,
                        float *dx, bool to_input);

/* The part behind attention, shared with the CMLM head: y = x3 + MLP(LN2(x3)) from state.x2 on, and
 * its backward: dy <- the gradient of x2. */
void trn_block_rest_forward(struct m2c_team *team, const struct trn_block_run *run, float *y);
void trn_block_rest_backward(struct m2c_team *team, const struct trn_block_run *run, float *dy,
                             bool to_input);

/* Whether any parameter is trained. */
bool trn_block_trained(const struct trn_block *block);

#endif
