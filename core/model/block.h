/* The row-local parts of a residual attention block; attention itself is between them.
 *
 *     x <- x + MHSA(LN1(x));  x <- x + W2 a(W1 LN2(x))
 *
 * Rows are split over the team, so each call takes the rows of one member. Any thread; cannot fail;
 * allocates nothing.
 */
#ifndef M2C_MODEL_BLOCK_H
#define M2C_MODEL_BLOCK_H

#include "model/network.h"
#include "runtime/team.h"

/* One member's private memory in a pass, cut from the encoder's scratch arena. */
struct m2c_member_scratch {
    float *hidden;                /* [M2C_CHUNK_ROWS, widest hidden layer] */
    void *linear;                 /* m2c_linear_scratch_bytes */
    float *scores;                /* attention scores of one head */
    const float **keys, **values; /* [context] rows on the way to a text's root */
};

/* Rows that one product is given at a time at most: enough that weights are read rarely, few enough
 * that the hidden rows stay in cache. */
enum { M2C_CHUNK_ROWS = 1024 };

/* The `index`-th of the equal chunks that `rows` are cut into; count 0 when there are no more. */
struct m2c_range m2c_chunk(struct m2c_range rows, size_t index);

/* y = LN(x) on `rows`; x, y: [.., width]. */
void m2c_norm_rows(const struct m2c_norm *norm, struct m2c_range rows, const float *x, float *y);

/* n = LN1(x); kv = keys, then values; q = queries unless it is NULL. x, n, q: [.., C],
 * kv: [.., 2C]. */
void m2c_block_project(const struct m2c_block *block, struct m2c_range rows, const float *x,
                       float *n, float *q, float *kv, const struct m2c_member_scratch *scratch);

/* x += attention output projected: x, n: [.., C]. */
void m2c_block_merge(const struct m2c_block *block, struct m2c_range rows, const float *n, float *x,
                     const struct m2c_member_scratch *scratch);

/* x += MLP(LN2(x)). n: [.., C] is overwritten. */
void m2c_block_mlp(const struct m2c_block *block, struct m2c_range rows, float *x, float *n,
                   const struct m2c_member_scratch *scratch);

/* x += fc2(gelu(fc1 x)) on `rows`. A NULL adapter does nothing. */
void m2c_text_adapter_apply(const struct m2c_text_adapter *adapter, struct m2c_range rows, float *x,
                            const struct m2c_member_scratch *scratch);

#endif
