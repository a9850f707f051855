/* Texts as a prefix tree: what texts share from the start token on is one row each.
 *
 * Attention is causal, so a token's state depends on what stands before it alone: texts that begin
 * alike have the same states there, and nothing after an end token can reach it (m2clip.md, Text
 * encoder). A row is a node; its keys are the nodes on the way to the root.
 */
#ifndef M2C_MODEL_TEXT_TREE_H
#define M2C_MODEL_TEXT_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct m2c_text_tree {
    size_t rows;       /* nodes */
    int32_t *token;    /* [rows] */
    int32_t *position; /* [rows] 0 at the root's children */
    int32_t *parent;   /* [rows] row of the token before, -1 at position 0 */
    size_t texts;
    size_t max_rows, max_texts; /* what there is room for */
    int32_t *last_row;          /* [texts] row of each text's last token, in the caller's order */
};

/* Which texts a tree is built of: texts order[first..], as many as fit. */
struct m2c_text_batch {
    const int32_t *ids;    /* texts one after the other */
    size_t *offsets;       /* [N] where each text begins in ids */
    const int32_t *counts; /* [N] */
    size_t texts;          /* N */
    size_t *order;         /* [N] texts sorted by their ids: shared prefixes lie side by side */
};

/* A new batch over borrowed ids and counts, sorted; the caller destroys it. */
M2C_MUST_USE enum m2c_status m2c_text_batch_init(struct m2c_text_batch *batch, const int32_t *ids,
                                                 const int32_t *counts, size_t texts,
                                                 struct m2c_error *err);
void m2c_text_batch_destroy(struct m2c_text_batch *batch);

/* A new tree with room for `max_rows` rows and `max_texts` texts; the caller destroys it. */
M2C_MUST_USE enum m2c_status m2c_text_tree_init(struct m2c_text_tree *tree, size_t max_rows,
                                                size_t max_texts, struct m2c_error *err);
void m2c_text_tree_destroy(struct m2c_text_tree *tree);

/* Refills the tree with texts order[first], order[first + 1], ... while they fit.
 * last_row[i] belongs to text order[first + i]. Returns how many texts were taken: at least one as
 * long as there is room for the longest text. */
size_t m2c_text_tree_build(struct m2c_text_tree *tree, const struct m2c_text_batch *batch,
                           size_t first);

/* The row at `position` on the way to `last_row`, which lies at or behind it. */
int32_t m2c_text_tree_row_at(const struct m2c_text_tree *tree, int32_t last_row, int32_t position);

#endif
