/* Attention in bfloat16: the products' operands are rounded to it, sums and softmax are f32.
 *
 * VDPBF16PS multiplies pairs: lane j of c gains a[2 j] b[2 j] + a[2 j + 1] b[2 j + 1]. So two
 * neighbours along what is summed over share a lane: channels of queries and keys, keys of weights
 * and values. Vectors of pairs pass as `vec`, whose bits loads, stores, broadcasts and shuffles
 * leave alone. The instruction takes subnormal numbers as 0. */
#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                   \
    !defined(__AVX512VL__) || !defined(__AVX512BF16__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16"
#endif

#include "kernels/tables.h"

#include "kernels/x86/lanes_avx512.h"

#include "kernels/vector/softmax.h"

static inline vec attention_multiply_add(vec a, vec b, vec c)
{
    return _mm512_dpbf16_ps(c, (__m512bh)a, (__m512bh)b);
}

#include "kernels/vector/attention_pack.h"

enum { PAIRED = 2 * LANES }; /* numbers in a vector of pairs */

/* Neighbours in `low`, then in `high`, as pairs. */
static inline vec pairs_along(vec low, vec high)
{
    return (vec)_mm512_cvtne2ps_pbh(high, low);
}

/* Pairs of one lane of `first` and the same of `second`. */
static inline vec pairs_across(vec first, vec second)
{
    static const uint16_t interleaved[PAIRED] = {0,  16, 1,  17, 2,  18, 3,  19, 4,  20, 5,
                                                 21, 6,  22, 7,  23, 8,  24, 9,  25, 10, 26,
                                                 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_loadu_si512(interleaved);
    return _mm512_castsi512_ps(
        _mm512_permutexvar_epi16(order, (__m512i)pairs_along(first, second)));
}

/* Numbers x[d], x[d + 1], .. of a row as pairs, times scale, 0 beyond `count`. */
static inline vec load_pairs(const float *x, size_t d, size_t count, vec scale)
{
    if (d + PAIRED <= count)
        return pairs_along(vec_load(x + d) * scale, vec_load(x + d + LANES) * scale);
    vec low = vec_load_part(x + d, lanes_of(count - d));
    vec high = vec_set(0.0F);
    if (d + LANES < count)
        high = vec_load_part(x + d + LANES, count - d - LANES);
    return pairs_along(low * scale, high * scale);
}

/* packed[i][j] = factor * (k[first + j][2 i], k[first + j][2 i + 1]). */
static void pack_key_pairs(float *packed, size_t ld, const struct m2c_attention *a, size_t first,
                           float factor)
{
    const vec scale = vec_set(factor);
    size_t count = lanes_of(a->keys - first);
    for (size_t d = 0; d < a->head_dim; d += PAIRED) {
        vec block[LANES];
        for (size_t j = 0; j < count; j++)
            block[j] = load_pairs(a->k + (first + j) * a->ldkv, d, a->head_dim, scale);
        for (size_t j = count; j < LANES; j++)
            block[j] = vec_set(0.0F);
        vec_transpose(block);
        for (size_t i = 0; i < LANES && d + 2 * i < a->head_dim; i++)
            vec_store(packed + (d / 2 + i) * ld, block[i]);
    }
}

/* [pairs of keys, padded_dim], 0 beyond keys and D. */
static void pack_value_pairs(const struct attention_call *call)
{
    const struct m2c_attention *a = call->attention;
    for (size_t pair = 0; pair < call->value_depth; pair++) {
        const float *even = a->v + 2 * pair * a->ldkv;
        bool alone = 2 * pair + 1 == a->keys;
        float *to = call->values + pair * call->layout.padded_dim;
        prefetch_rows(a, a->v, 2 * pair + PREFETCH_ROWS, 2);
        for (size_t d = 0; d < a->head_dim; d += LANES) {
            size_t n = lanes_of(a->head_dim - d);
            vec first = vec_load_lanes(even + d, n);
            vec second = alone ? vec_set(0.0F) : vec_load_lanes(even + a->ldkv + d, n);
            vec_store(to + d, pairs_across(first, second));
        }
    }
}

static void pack_query_pairs(const struct attention_call *call, struct query_range rows)
{
    const struct m2c_attention *a = call->attention;
    const vec one = vec_set(1.0F);
    for (size_t r = 0; r < rows.count; r++) {
        const float *q = a->q + (rows.first + r) * a->ldq;
        float *to = call->queries + r * call->layout.padded_pairs;
        for (size_t d = 0; d < a->head_dim; d += PAIRED)
            vec_store(to + d / 2, load_pairs(q, d, a->head_dim, one));
    }
}

/* 2^t for t <= 0 of relative error 2^-13.7: a weight has 8 bits. The polynomial of degree 3 of
 * least greatest relative error over 0 <= f < 1 (Remez's exchange). */
static inline vec weight_of(vec t)
{
    vec f;
    vec whole = vec_split(t, &f);
    vec p = vec_set(0x1.3f96a2p-4F);
    p = vec_fma(p, f, vec_set(0x1.cefc4ep-3F));
    p = vec_fma(p, f, vec_set(0x1.64444cp-1F));
    p = vec_fma(p, f, vec_set(0x1.fff632p-1F));
    return vec_scale(p, whole);
}

/* s[i] of a row, -inf beyond the keys. */
static inline vec load_scores(const float *s, size_t i, size_t keys)
{
    if (i + LANES <= keys)
        return vec_load(s + i);
    return i < keys ? vec_keep(vec_load(s + i), keys - i, vec_set(-INFINITY)) : vec_set(-INFINITY);
}

/* The first halves of s <- pairs of 2^(s - greatest); returns the sum of what they were rounded to,
 * so that shares sum to 1. */
static float weigh_row(float *s, size_t keys)
{
    const vec origin = vec_set(greatest_of(s, keys));
    const vec ones = pairs_along(vec_set(1.0F), vec_set(1.0F));
    vec sum = vec_set(0.0F);
    size_t i = 0;
    for (; i + PAIRED <= keys; i += PAIRED) {
        vec weights = pairs_along(weight_of(vec_load(s + i) - origin),
                                  weight_of(vec_load(s + i + LANES) - origin));
        vec_store(s + i / 2, weights);
        sum = attention_multiply_add(weights, ones, sum);
    }
    if (i < keys) {
        vec weights = pairs_along(weight_of(load_scores(s, i, keys) - origin),
                                  weight_of(load_scores(s, i + LANES, keys) - origin));
        vec_store(s + i / 2, weights);
        sum = attention_multiply_add(weights, ones, sum);
    }
    return vec_sum(sum);
}

void m2c_attention_bf16(const struct m2c_attention *a, float *scratch)
{
    struct attention_call call = attention_call_of(a, scratch);
    float share[M2C_ATTENTION_BLOCK_ROWS];
    call.score_depth = (a->head_dim + 1) / 2;
    call.value_depth = (a->keys + 1) / 2;
    pack_panels(&call, pack_key_pairs, attention_factor(a));
    pack_value_pairs(&call);
    for (size_t block = 0;; block++) {
        struct query_range rows = query_block(a->queries, block);
        if (rows.count == 0)
            return;
        pack_query_pairs(&call, rows);
        score_block(&call, call.queries, call.layout.padded_pairs, rows.count);
        for (size_t r = 0; r < rows.count; r++)
            share[r] = 1.0F / weigh_row(call.scores + r * call.layout.padded_keys, a->keys);
        value_block(&call, rows.first, rows.count, share);
    }
}
