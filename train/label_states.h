/* States of texts that are the same in every step, kept where training begins.
 *
 * Below the first block that is trained nothing ever changes: what a label's rows are there is
 * computed once. With text adapters in the last block alone that is all of the text tower but one
 * block, for each of K labels, in every step.
 */
#ifndef TRN_LABEL_STATES_H
#define TRN_LABEL_STATES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Owned arrays; zeroed: nothing is kept. */
struct trn_label_states {
    int32_t *ids; /* [texts, context] whose states they are */
    size_t texts, context;
    float *states; /* [rows, width] */
    size_t rows, width;
};

/* Whether the states of these texts are kept. */
bool trn_label_states_hold(const struct trn_label_states *kept, const int32_t *ids, size_t texts,
                           size_t context);

/* Keeps a copy of the states in place of others. Without memory nothing is kept, which costs time
 * alone. */
void trn_label_states_keep(struct trn_label_states *kept, const int32_t *ids, size_t texts,
                           size_t context, const float *states, size_t rows, size_t width);

void trn_label_states_destroy(struct trn_label_states *kept);

#endif
