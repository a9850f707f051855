#ifndef M2C_KERNELS_VECTOR_ATTENTION_H
#define M2C_KERNELS_VECTOR_ATTENTION_H

#include "kernels/vector/attention_row.h"
#include "kernels/vector/exponential.h"
#include "kernels/vector/softmax.h"

static inline vec attention_multiply_add(vec a, vec b, vec c)
{
    return vec_fma(a, b, c);
}

#include "kernels/vector/attention_pack.h"

/* packed[d][j] = factor * k[first + j][d]. */
static void pack_key_lanes(float *packed, size_t ld, const struct m2c_attention *a, size_t first,
                           float factor)
{
    const vec scale = vec_set(factor);
    size_t count = lanes_of(a->keys - first);
    for (size_t d = 0; d < a->head_dim; d += LANES) {
        vec block[LANES];
        size_t n = lanes_of(a->head_dim - d);
        for (size_t j = 0; j < count; j++)
            block[j] = vec_load_lanes(a->k + (first + j) * a->ldkv + d, n) * scale;
        for (size_t j = count; j < LANES; j++)
            block[j] = vec_set(0.0F);
        vec_transpose(block);
        for (size_t i = 0; i < n; i++)
            vec_store(packed + (d + i) * ld, block[i]);
    }
}

/* Zeros beyond D. */
static void pack_values(const struct attention_call *call)
{
    const struct m2c_attention *a = call->attention;
    for (size_t row = 0; row < a->keys; row++) {
        const float *from = a->v + row * a->ldkv;
        float *to = call->values + row * call->layout.padded_dim;
        prefetch_rows(a, a->v, row + PREFETCH_ROWS, 1);
        for (size_t d = 0; d < a->head_dim; d += LANES)
            vec_store(to + d, vec_load_lanes(from + d, lanes_of(a->head_dim - d)));
    }
}

/* s <- 2^(s - greatest); returns the sum. */
static float weigh_row(float *s, size_t keys)
{
    const vec origin = vec_set(greatest_of(s, keys));
    vec sum = vec_set(0.0F);
    size_t i = 0;
    for (; i + LANES <= keys; i += LANES) {
        vec weight = vec_power_of_2(vec_load(s + i) - origin);
        vec_store(s + i, weight);
        sum += weight;
    }
    if (i < keys) {
        vec score = vec_keep(vec_load(s + i), keys - i, vec_set(-INFINITY));
        vec weight = vec_power_of_2(score - origin);
        vec_store(s + i, weight);
        sum += weight;
    }
    return vec_sum(sum);
}

static void attend_tiles(const struct m2c_attention *a, float *scratch)
{
    const struct attention_call call = attention_call_of(a, scratch);
    float share[M2C_ATTENTION_BLOCK_ROWS];
    pack_panels(&call, pack_key_lanes, attention_factor(a));
    pack_values(&call);
    for (size_t block = 0;; block++) {
        struct query_range rows = query_block(a->queries, block);
        if (rows.count == 0)
            return;
        score_block(&call, a->q + rows.first * a->ldq, a->ldq, rows.count);
        for (size_t r = 0; r < rows.count; r++)
            share[r] = 1.0F / weigh_row(call.scores + r * call.layout.padded_keys, a->keys);
        value_block(&call, rows.first, rows.count, share);
    }
}

static void attention(const struct m2c_attention *a, float *scratch)
{
    if (a->queries >= TILE_ROWS)
        attend_tiles(a, scratch);
    else
        attend_rows(a, scratch);
}

#endif
