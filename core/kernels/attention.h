/* Scaled dot-product attention of one head.
 *
 * out = softmax(q k^T / sqrt(D)) v (Vaswani et al. 2017), q: [Lq, D], k, v: [Lk, D], out: [Lq, D],
 * f32, `ld*` floats between rows. Scores live a few query rows at a time, never as [Lq, Lk]. A
 * score that is a NaN or +inf makes its row NaN. Any thread; cannot fail; allocates nothing.
 */
#ifndef M2C_KERNELS_ATTENTION_H
#define M2C_KERNELS_ATTENTION_H

#include <stdbool.h>
#include <stddef.h>

struct m2c_attention {
    const float *q;
    size_t ldq;
    const float *k, *v;
    size_t ldkv;
    float *out; /* overlaps none of q, k, v */
    size_t ldo;
    size_t queries, keys, head_dim; /* Lq, Lk, D, each at least 1 */
    /* Allows q, k, v and the weights to be rounded to bfloat16, products to be summed in f32, where
     * the processor multiplies that natively (m2c_cpu_has_bf16); elsewhere all is f32. */
    bool bf16;
};

/* Floats of scratch that m2c_attention_run needs for these sizes or any that are no larger. */
size_t m2c_attention_scratch(size_t queries, size_t keys, size_t head_dim);

/* Every query sees every key. scratch: m2c_attention_scratch(queries, keys, head_dim) floats. */
void m2c_attention_run(const struct m2c_attention *attention, float *scratch);

/* One query against keys that lie anywhere: rows k[i], v[i] of `keys` pointers. q, out: [D].
 * scores: [keys] scratch. Serves the causal text encoder, whose rows are a prefix tree. */
void m2c_attention_gather(const float *q, const float *const *k, const float *const *v, size_t keys,
                          size_t head_dim, float *out, float *scores);

#endif
