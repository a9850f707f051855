/* Where the time of a forward pass goes, stage by stage, for `bench`. Private to core/model and to
 * the command line.
 *
 * Member 0 of the team takes the time at each stage's end; waiting for slower members counts to the
 * stage that waits.
 */
#ifndef M2C_MODEL_PROFILE_H
#define M2C_MODEL_PROFILE_H

#include "m2clip.h"

enum m2c_stage {
    M2C_STAGE_EMBED,      /* patch embedding, positions, ln_pre */
    M2C_STAGE_PROJECT,    /* LN1, queries, keys, values */
    M2C_STAGE_ATTENTION,  /* softmax(q k^T) v of every head */
    M2C_STAGE_MERGE,      /* output projection and residual */
    M2C_STAGE_TED,        /* TED-Adapters */
    M2C_STAGE_MLP,        /* LN2, fc, activation, projection, residual */
    M2C_STAGE_LAST_BLOCK, /* the last block, for class tokens */
    M2C_STAGE_HEADS,      /* ln_post, projection, t_adapter, VC */
    M2C_STAGE_COUNT
};

struct m2c_profile {
    double ms[M2C_STAGE_COUNT]; /* summed over passes */
    double mark_ms;             /* when the running stage began */
};

/* "embed", "project", ... Static storage. */
const char *m2c_stage_name(enum m2c_stage stage);

/* From now on the encoder's video passes add to `profile` (borrowed); NULL ends that. */
void m2c_encoder_set_profile(struct m2c_encoder *encoder, struct m2c_profile *profile);

/* FLOP of the linear products and attention of one stage for one clip. */
double m2c_stage_flop(const struct m2c_set *set, int frames, enum m2c_stage stage);

#endif
