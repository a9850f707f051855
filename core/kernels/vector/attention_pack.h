/* Keys and values of one head, laid out for the products of attention. */
#ifndef M2C_KERNELS_VECTOR_ATTENTION_PACK_H
#define M2C_KERNELS_VECTOR_ATTENTION_PACK_H

#include "kernels/vector/attention_block.h"

enum { LINE_FLOATS = 16, PREFETCH_ROWS = 16 };

/* Rows of one head lie far apart: no processor guesses where the next one is. */
static inline void prefetch_rows(const struct m2c_attention *a, const float *x, size_t first,
                                 size_t count)
{
    for (size_t row = first; row < first + count && row < a->keys; row++)
        for (size_t d = 0; d < a->head_dim; d += LINE_FLOATS)
            __builtin_prefetch(x + row * a->ldkv + d);
}

/* packed[i][j] = lane i of key first + j times `factor`, for one vector of keys, `ld` floats from i
 * to i + 1; 0 beyond the keys. A lane is a float or a pair of bfloat16 numbers. */
typedef void (*pack_lanes)(float *packed, size_t ld, const struct m2c_attention *a, size_t first,
                           float factor);

/* Panel after panel of keys, each [score_depth, panel's lanes], times `factor`. `pack` packs one
 * vector's width of keys and is a constant at every call. */
ALWAYS_INLINE void pack_panels(const struct attention_call *call, pack_lanes pack, float factor)
{
    const struct m2c_attention *a = call->attention;
    size_t vectors = (a->keys + LANES - 1) / LANES;
    for (size_t i = 0;; i++) {
        struct vector_range panel = vector_range_of(vectors, i);
        if (panel.count == 0)
            return;
        float *packed = call->keys + panel.begin * LANES * call->score_depth;
        for (size_t v = 0; v < panel.count; v++) {
            size_t first = (panel.begin + v) * LANES;
            prefetch_rows(a, a->k, first + LANES, LANES);
            pack(packed + v * LANES, panel.count * LANES, a, first, factor);
        }
    }
}

#endif
