/* Multi-head attention over sequences of rows, forward and backward: self-attention of frames,
 * causal attention of texts, attention of text rows to frames.
 *
 *     S = q k^T / sqrt(D);  A = softmax(S);  o = A v
 *     dv = A^T do;  dA = do v^T;  dS = A (dA - rowsum(A dA));  dq = dS k / sqrt(D);  dk = dS^T q /
 * sqrt(D)
 *
 * The weights A are computed again in the backward pass instead of being kept: [heads, Lq, Lk] a
 * sequence would be the largest thing in memory.
 */
#ifndef TRN_ATTENTION_H
#define TRN_ATTENTION_H

#include <stddef.h>

#include "runtime/team.h"

/* Borrowed arrays. Sequence s has the queries query_starts[s]..query_starts[s + 1] and the keys
 * key_starts[s]..key_starts[s + 1]; it may have no queries. */
struct trn_attention {
    size_t sequences;
    const size_t *query_starts, *key_starts; /* [sequences + 1] */
    const size_t *visible; /* [queries] how many keys of its sequence each sees, from the first on;
                              NULL: all */
    size_t heads, head_dim;
    const float *q;  /* [queries, heads head_dim] */
    const float *kv; /* [keys, 2 heads head_dim]: keys, then values */
};

/* Floats of scratch one member needs for sequences of at most these sizes. */
size_t trn_attention_scratch(size_t queries, size_t keys, size_t head_dim);

/* o: [queries, heads head_dim]. scratch: [team size, stride], stride from
 * trn_attention_scratch. */
void trn_attention_forward(struct m2c_team *team, const struct trn_attention *attention, float *o,
                           float *scratch, size_t stride);

/* dq, dkv (shaped as q, kv) <- the gradients given that of o; what they held is replaced. */
void trn_attention_backward(struct m2c_team *team, const struct trn_attention *attention,
                            const float *d_o, float *dq, float *dkv, float *scratch, size_t stride);

#endif
