/* A stack of blocks with memory: forward keeps what backward needs, or the blocks' inputs alone,
 * from which backward computes the rest again. */
#ifndef TRN_TOWER_H
#define TRN_TOWER_H

#include "train/block.h"

struct trn_tower {
    const struct trn_block *blocks;
    size_t layers;
    const struct trn_layout *layout;      /* of all blocks but the last */
    const struct trn_layout *last_layout; /* the same rows; some leave */
    bool recompute;
    size_t first;               /* the first block that backward reaches; = layers: none */
    bool to_input;              /* backward goes on below the first block */
    struct trn_block_run *runs; /* [layers], borrowed memory */
    float **inputs;             /* [layers] where each block's input lies, borrowed memory */
    float *output;              /* [kept, C] of the last block */
    float *slope;               /* [rows, C] gradient on its way down, shared by all blocks */
};

/* Cuts the memory of a tower whose first seven members are set. */
void trn_tower_carve(struct trn_carver *carver, struct trn_tower *tower, int team_size);

/* The same for blocks of which none is reached, all of whose rows leave: their input, their output
 * and everything between lie in `x` [rows, C]. */
void trn_tower_carve_in_place(struct trn_carver *carver, struct trn_tower *tower, float *x,
                              int team_size);

/* From inputs[0], filled by the caller, to output. Blocks below `first` keep nothing. */
void trn_tower_forward(struct m2c_team *team, struct trn_tower *tower);

/* From d_output [kept, C], the gradient of output, overwritten, down to the first block; slope
 * holds the gradient of inputs[0] afterwards, if `to_input`. */
void trn_tower_backward(struct m2c_team *team, struct trn_tower *tower, float *d_output);

/* The first block with a trained parameter; `layers` where there is none. */
size_t trn_first_trained(const struct trn_block *blocks, size_t layers);

#endif
