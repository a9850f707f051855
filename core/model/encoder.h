/* The encoder's working memory, shared by the vision, text and CMLM passes. Private to core/model.
 *
 * One arena, cut anew by each pass:
 *
 *   vision:  x [R, C] | n [R, C] | q [R, C] | kv [R, 2C] | h0 [R, 2Ca] | h1 [R, 2Ca] |
 *            class rows: x [F, C] | n [F, C] | q [F, C] |
 *            features [F, E] | frame adapter's hidden [2F, A]      R = F L rows of F frames
 *   text:    x [r, Ct] | n [r, Ct] | q [r, Ct] | kv [r, 2Ct] | wanted rows: x, n, q [r, Ct]
 *   CMLM:    the text pass, then keys and values of frames [F, 2Ct]
 *
 * and one scratch area a member: hidden [M2C_CHUNK_ROWS, widest hidden] | the
 * linear layers' own | attention scores.
 */
#ifndef M2C_MODEL_ENCODER_H
#define M2C_MODEL_ENCODER_H

#include "m2clip.h"
#include "model/block.h"
#include "model/network.h"
#include "model/profile.h"
#include "model/text_tree.h"
#include "runtime/arena.h"
#include "runtime/shares.h"

/* Text rows of one batch; longer lists take several. */
enum { M2C_TEXT_BATCH_ROWS = 4096 };

struct m2c_encoder {
    const struct m2c_model *model;
    const struct m2c_base *base;
    struct m2c_team *team;
    int max_frames;
    struct m2c_arena arena;
    struct m2c_arena scratch_arena;
    struct m2c_member_scratch *members; /* [team size] */
    struct m2c_shares *shares;          /* of a vision pass's rows and heads */
    const float **pointers;             /* what keys and values of all members point into */
    struct m2c_text_tree tree;          /* [M2C_TEXT_BATCH_ROWS] */
    struct m2c_profile *profile;        /* borrowed, NULL unless measured */
    int32_t *wanted;                    /* [M2C_TEXT_BATCH_ROWS] rows asked of a text pass */
};

/* The adapters of a set, borrowed. */
const struct m2c_adapters *m2c_set_adapters(const struct m2c_set *set);
const struct m2c_base *m2c_model_base(const struct m2c_model *model);

/* The widest hidden rows that any set of a model needs, in floats. */
struct m2c_hidden_widths {
    size_t scratch; /* of a member's hidden area: MLP, patches, adapters */
    size_t ted;     /* 2 Ca */
    size_t frame;   /* A of visual.t_adapter */
};
struct m2c_hidden_widths m2c_model_hidden_widths(const struct m2c_model *model);

/* Bytes of scratch that any linear layer of the model takes. */
size_t m2c_model_linear_scratch_bytes(const struct m2c_model *model);

/* Arena bytes of each pass. */
size_t m2c_vision_arena_bytes(const struct m2c_config *config,
                              const struct m2c_hidden_widths *widths, size_t frames);
size_t m2c_text_arena_bytes(const struct m2c_config *config, size_t frames);

#endif
