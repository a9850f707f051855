#include "train/attention.h"

#include <math.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "kernels/product.h"
#include "train/rows.h"

struct attention_pass {
    const struct trn_attention *attention;
    const float *d_o;
    float *o, *dq, *dkv;
    float *scratch;
    size_t stride;
};

/* One head of one sequence. */
struct head {
    size_t queries, keys, dim;
    size_t ldq, ldkv;      /* floats between rows */
    size_t q, kv;          /* where the head's first query and key lie, in floats */
    size_t values;         /* values lie so far behind keys */
    const size_t *visible; /* of the sequence's first query, or NULL */
    float scale;
};

size_t trn_attention_scratch(size_t queries, size_t keys, size_t head_dim)
{
    size_t explicit_floats = 2 * queries * keys;
    size_t kernel_floats = m2c_attention_scratch(queries, keys, head_dim);
    return explicit_floats > kernel_floats ? explicit_floats : kernel_floats;
}

static struct head head_of(const struct trn_attention *attention, size_t item)
{
    size_t sequence = item / attention->heads;
    size_t index = item % attention->heads;
    size_t width = attention->heads * attention->head_dim;
    size_t first_query = attention->query_starts[sequence];
    size_t first_key = attention->key_starts[sequence];
    return (struct head){
        .queries = attention->query_starts[sequence + 1] - first_query,
        .keys = attention->key_starts[sequence + 1] - first_key,
        .dim = attention->head_dim,
        .ldq = width,
        .ldkv = 2 * width,
        .q = first_query * width + index * attention->head_dim,
        .kv = first_key * 2 * width + index * attention->head_dim,
        .values = width,
        .visible = attention->visible ? attention->visible + first_query : NULL,
        .scale = 1.0F / sqrtf((float)attention->head_dim),
    };
}

/* weights [Lq, Lk] = softmax(q k^T scale), what a query does not see being 0. */
static void attention_weights(const struct attention_pass *pass, const struct head *head,
                              float *weights)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    const struct m2c_product product = {
        .rows = head->queries,
        .columns = head->keys,
        .depth = head->dim,
        .a = pass->attention->q + head->q,
        .lda = head->ldq,
        .b = pass->attention->kv + head->kv,
        .ldb = head->ldkv,
        .b_transposed = true,
        .c = weights,
        .ldc = head->keys,
        .alpha = 1.0F,
    };
    m2c_product_run(&product);
    if (!head->visible) {
        kernels->softmax(weights, head->keys, head->queries, head->keys, head->scale);
        return;
    }
    for (size_t i = 0; i < head->queries; i++) {
        float *row = weights + i * head->keys;
        size_t visible = head->visible[i];
        kernels->softmax(row, head->keys, 1, visible, head->scale);
        memset(row + visible, 0, (head->keys - visible) * sizeof *row);
    }
}

/* C [rows, D] = alpha op(A) B with A [Lq, Lk] and C, B slices of a head. */
static void multiply_weights(const float *weights, const struct head *head, bool transposed,
                             const float *b, size_t ldb, float alpha, float *c, size_t ldc)
{
    const struct m2c_product product = {
        .rows = transposed ? head->keys : head->queries,
        .columns = head->dim,
        .depth = transposed ? head->queries : head->keys,
        .a = weights,
        .lda = head->keys,
        .a_transposed = transposed,
        .b = b,
        .ldb = ldb,
        .c = c,
        .ldc = ldc,
        .alpha = alpha,
    };
    m2c_product_run(&product);
}

static void forward_head(const struct attention_pass *pass, const struct head *head, float *scratch)
{
    const float *kv = pass->attention->kv + head->kv;
    if (head->queries == 0)
        return;
    if (head->visible) {
        attention_weights(pass, head, scratch);
        multiply_weights(scratch, head, false, kv + head->values, head->ldkv, 1.0F,
                         pass->o + head->q, head->ldq);
        return;
    }
    const struct m2c_attention whole = {.q = pass->attention->q + head->q,
                                        .ldq = head->ldq,
                                        .k = kv,
                                        .v = kv + head->values,
                                        .ldkv = head->ldkv,
                                        .out = pass->o + head->q,
                                        .ldo = head->ldq,
                                        .queries = head->queries,
                                        .keys = head->keys,
                                        .head_dim = head->dim};
    m2c_attention_run(&whole, scratch);
}

static void forward_items(void *argument, struct m2c_range items, int member)
{
    const struct attention_pass *pass = argument;
    for (size_t item = items.begin; item < items.end; item++) {
        struct head head = head_of(pass->attention, item);
        forward_head(pass, &head, pass->scratch + (size_t)member * pass->stride);
    }
}

void trn_attention_forward(struct m2c_team *team, const struct trn_attention *attention, float *o,
                           float *scratch, size_t stride)
{
    struct attention_pass pass = {
        .attention = attention, .o = o, .scratch = scratch, .stride = stride};
    trn_for_rows(team, attention->sequences * attention->heads, 1, forward_items, &pass);
}

/* slopes <- weights (slopes - rowsum(weights slopes)): the softmax's derivative. */
static void soften(const struct head *head, const float *weights, float *slopes)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    for (size_t i = 0; i < head->queries; i++) {
        const float *weight = weights + i * head->keys;
        float *slope = slopes + i * head->keys;
        float sum = kernels->dot(weight, slope, head->keys);
        for (size_t j = 0; j < head->keys; j++)
            slope[j] = weight[j] * (slope[j] - sum);
    }
}

static void clear_keys(const struct attention_pass *pass, const struct head *head)
{
    for (size_t j = 0; j < head->keys; j++) {
        float *row = pass->dkv + head->kv + j * head->ldkv;
        memset(row, 0, head->dim * sizeof *row);
        memset(row + head->values, 0, head->dim * sizeof *row);
    }
}

static void backward_head(const struct attention_pass *pass, const struct head *head,
                          float *scratch)
{
    const float *q = pass->attention->q + head->q;
    const float *kv = pass->attention->kv + head->kv;
    const float *d_o = pass->d_o + head->q;
    float *dkv = pass->dkv + head->kv;
    float *weights = scratch, *slopes = scratch + head->queries * head->keys;
    if (head->queries == 0) {
        clear_keys(pass, head);
        return;
    }
    attention_weights(pass, head, weights);
    multiply_weights(weights, head, true, d_o, head->ldq, 1.0F, dkv + head->values, head->ldkv);
    const struct m2c_product slope_product = {
        .rows = head->queries,
        .columns = head->keys,
        .depth = head->dim,
        .a = d_o,
        .lda = head->ldq,
        .b = kv + head->values,
        .ldb = head->ldkv,
        .b_transposed = true,
        .c = slopes,
        .ldc = head->keys,
        .alpha = 1.0F,
    };
    m2c_product_run(&slope_product);
    soften(head, weights, slopes);
    multiply_weights(slopes, head, false, kv, head->ldkv, head->scale, pass->dq + head->q,
                     head->ldq);
    multiply_weights(slopes, head, true, q, head->ldq, head->scale, dkv, head->ldkv);
}

static void backward_items(void *argument, struct m2c_range items, int member)
{
    const struct attention_pass *pass = argument;
    for (size_t item = items.begin; item < items.end; item++) {
        struct head head = head_of(pass->attention, item);
        backward_head(pass, &head, pass->scratch + (size_t)member * pass->stride);
    }
}

void trn_attention_backward(struct m2c_team *team, const struct trn_attention *attention,
                            const float *d_o, float *dq, float *dkv, float *scratch, size_t stride)
{
    struct attention_pass pass = {.attention = attention,
                                  .d_o = d_o,
                                  .dq = dq,
                                  .dkv = dkv,
                                  .scratch = scratch,
                                  .stride = stride};
    trn_for_rows(team, attention->sequences * attention->heads, 1, backward_items, &pass);
}
