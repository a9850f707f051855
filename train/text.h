/* The text side of a step: token rows -> blocks -> text vectors, and the way back.
 *
 * Texts lie one after the other without padding: attention is causal, so that nothing behind a
 * text's end token can reach it (m2clip.md, Text encoder). Out of the last block come end tokens
 * and the masked words that the CMLM head reads. */
#ifndef TRN_TEXT_H
#define TRN_TEXT_H

#include <stdint.h>

#include "train/label_states.h"
#include "train/network.h"
#include "train/tower.h"

enum { TRN_NO_TARGET = -100 }; /* a position that the CMLM loss leaves out */

/* Texts to encode, borrowed: [N, context] ids each; targets NULL or [N, context]. */
struct trn_texts {
    const int32_t *ids;
    const int32_t *targets; /* word of a masked position, or TRN_NO_TARGET */
    size_t count;
    bool fixed; /* the same in every step; of the first group alone */
};

/* Texts that the blocks below the first that is trained run on together. Fixed texts run apart from
 * the others: products may group rows by their number, and what is kept must not depend, to the
 * bit, on what else the step held that computed it. */
enum { TRN_FROZEN_FIXED, TRN_FROZEN_OTHERS, TRN_FROZEN_PARTS };

struct trn_frozen_part {
    struct trn_tower tower;
    struct trn_layout layout;
    size_t first_text, first_row;
    size_t *starts; /* from the first row on */
};

struct trn_text {
    const struct trn_network *network;
    struct trn_label_states *kept_states; /* borrowed */
    const int32_t *fixed_ids;             /* [fixed, context] texts whose states may be kept */
    size_t fixed, fixed_rows;             /* texts at the beginning, their rows */
    bool holds;                           /* their states are kept already */
    struct trn_frozen_part frozen[TRN_FROZEN_PARTS];
    size_t texts, rows, kept, masked; /* all groups together */
    struct trn_layout layout, last_layout;
    size_t *starts, *kept_starts, *kept_rows; /* [N + 1], [N + 1], [kept] */
    size_t *visible, *kept_visible;           /* [rows], [kept] */
    size_t *ids;                              /* [rows] tokens */
    size_t *ends;                             /* [N] which of the kept rows is each text's end */
    size_t *masked_kept;                      /* [masked] which are masked words */
    size_t *masked_targets;                   /* [masked] their words */
    size_t *masked_starts;                    /* [N + 1] each text's masked words */
    struct trn_tower tower;                   /* the others; output: [kept, Ct] */
    float *end_rows, *end_normed;             /* [N, Ct] */
    float *vectors;                           /* [N, E] text representations, not made unit */
    float *d_output, *d_end, *d_normed;       /* [kept, Ct], [N, Ct], [N, Ct] */
    float *stats;                             /* [2, N] */
};

/* Whether anything of the text side is trained. */
bool trn_text_trained(const struct trn_network *network);

/* How many blocks of the tower no gradient reaches; the last one counts as reached. */
size_t trn_text_frozen_blocks(const struct trn_network *network);

/* Counts texts, rows and masked words of the groups: what the memory's size depends on. The first
 * of a text's highest ids is its end. `kept` holds states of fixed texts, or will. */
void trn_text_measure(struct trn_text *text, const struct trn_network *network,
                      struct trn_label_states *kept, const struct trn_texts *groups,
                      size_t group_count);

/* Cuts the memory; on real memory it is filled with the groups' rows too, group after group. Runs
 * and inputs of all towers must point to as many of each as they have blocks. */
void trn_text_carve(struct trn_carver *carver, struct trn_text *text,
                    const struct trn_texts *groups, size_t group_count, bool recompute,
                    int team_size);

/* Fills tower.output and vectors. */
void trn_text_forward(struct m2c_team *team, struct trn_text *text);

/* Adds all gradients of the text side. d_vectors: [N, E]; d_output of `text` holds what the CMLM
 * head wants of the masked words (zero if nothing). */
void trn_text_backward(struct m2c_team *team, struct trn_text *text, const float *d_vectors);

#endif
