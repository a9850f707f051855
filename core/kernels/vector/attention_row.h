/* Attention of single queries: keys and values are streamed once, nothing is packed. */
#ifndef M2C_KERNELS_VECTOR_ATTENTION_ROW_H
#define M2C_KERNELS_VECTOR_ATTENTION_ROW_H

#include <math.h>

#include "kernels/attention.h"
#include "kernels/vector/softmax.h"

/* Where keys or values lie: at pointers, or `ld` floats apart from `first` on. */
struct row_places {
    const float *const *rows;
    const float *first;
    size_t ld;
};

ALWAYS_INLINE const float *row_at(const struct row_places *places, size_t i)
{
    return places->rows ? places->rows[i] : places->first + i * places->ld;
}

enum { ROW_GROUP = 4 }; /* rows worked on at once: independent sums */

/* scores[i] = q k_i for `group` keys from i on, a constant at every call. */
ALWAYS_INLINE void score_group(float *scores, const float *q, const struct row_places *k, size_t i,
                               size_t group, size_t head_dim)
{
    const float *row[ROW_GROUP];
    vec sum[ROW_GROUP];
    for (size_t g = 0; g < group; g++) {
        row[g] = row_at(k, i + g);
        sum[g] = vec_set(0.0F);
    }
    size_t d = 0;
    for (; d + LANES <= head_dim; d += LANES)
        for (size_t g = 0; g < group; g++)
            sum[g] = vec_fma(vec_load(q + d), vec_load(row[g] + d), sum[g]);
    if (d < head_dim)
        for (size_t g = 0; g < group; g++)
            sum[g] = vec_fma(vec_load_part(q + d, head_dim - d),
                             vec_load_part(row[g] + d, head_dim - d), sum[g]);
    for (size_t g = 0; g < group; g++)
        scores[i + g] = vec_sum(sum[g]);
}

/* out = sum weights[i] * v_i, `vectors` vectors from d on, the last of `last` lanes. */
ALWAYS_INLINE void value_columns(float *out, const float *weights, const struct row_places *v,
                                 size_t keys, size_t d, size_t vectors, size_t last)
{
    vec sum[ROW_GROUP];
    for (size_t j = 0; j < vectors; j++)
        sum[j] = vec_set(0.0F);
    for (size_t i = 0; i < keys; i++) {
        const float *row = row_at(v, i) + d;
        const vec weight = vec_set(weights[i]);
        for (size_t j = 0; j + 1 < vectors; j++)
            sum[j] = vec_fma(weight, vec_load(row + j * LANES), sum[j]);
        sum[vectors - 1] =
            vec_fma(weight, vec_load_lanes(row + (vectors - 1) * LANES, last), sum[vectors - 1]);
    }
    for (size_t j = 0; j + 1 < vectors; j++)
        vec_store(out + d + j * LANES, sum[j]);
    vec_store_lanes(out + d + (vectors - 1) * LANES, sum[vectors - 1], last);
}

ALWAYS_INLINE void attend_row(const float *q, const struct row_places *k,
                              const struct row_places *v, size_t keys, size_t head_dim, float *out,
                              float *scores)
{
    size_t i = 0;
    for (; i + ROW_GROUP <= keys; i += ROW_GROUP)
        score_group(scores, q, k, i, ROW_GROUP, head_dim);
    for (; i < keys; i++)
        score_group(scores, q, k, i, 1, head_dim);
    softmax(scores, keys, 1, keys, 1.0F / sqrtf((float)head_dim));
    size_t d = 0;
    for (; d + ROW_GROUP * LANES <= head_dim; d += ROW_GROUP * LANES)
        value_columns(out, scores, v, keys, d, ROW_GROUP, LANES);
    for (; d + LANES <= head_dim; d += LANES)
        value_columns(out, scores, v, keys, d, 1, LANES);
    if (d < head_dim)
        value_columns(out, scores, v, keys, d, 1, head_dim - d);
}

static void attend_rows(const struct m2c_attention *a, float *scores)
{
    const struct row_places k = {.first = a->k, .ld = a->ldkv};
    const struct row_places v = {.first = a->v, .ld = a->ldkv};
    for (size_t row = 0; row < a->queries; row++)
        attend_row(a->q + row * a->ldq, &k, &v, a->keys, a->head_dim, a->out + row * a->ldo,
                   scores);
}

static void attention_gather(const float *q, const float *const *k, const float *const *v,
                             size_t keys, size_t head_dim, float *out, float *scores)
{
    const struct row_places key_places = {.rows = k};
    const struct row_places value_places = {.rows = v};
    attend_row(q, &key_places, &value_places, keys, head_dim, out, scores);
}

#endif
