/* One tile of the two products of attention. */
#ifndef M2C_KERNELS_VECTOR_ATTENTION_TILE_H
#define M2C_KERNELS_VECTOR_ATTENTION_TILE_H

#include "kernels/attention_plan.h"
#include "kernels/vector/lanes.h"

/* With this many vectors in each row of a tile its sums fill most registers, and there are more
 * independent ones than a multiply-add takes cycles. */
enum { TILE_ROWS = M2C_ATTENTION_TILE_ROWS, TILE_VECTORS = LANES == 16 ? 4 : 2 };

/* c[r][j] = scale[r] * sum_k a[r][k] * b[k][j] for TILE_ROWS rows; scale NULL: 1. b has rows of
 * whole vectors; c is stored as far as `columns` go, which end in the last vector. */
struct attention_tile {
    const float *a;
    size_t lda;
    const float *b;
    size_t ldb, depth;
    float *c;
    size_t ldc, columns;
    const float *scale;
};

/* `vectors` is a constant at every call. */
ALWAYS_INLINE void tile_multiply(const struct attention_tile *tile, size_t vectors)
{
    vec sum[TILE_ROWS][TILE_VECTORS];
    for (size_t r = 0; r < TILE_ROWS; r++)
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = vec_set(0.0F);
    for (size_t k = 0; k < tile->depth; k++) {
        vec b[TILE_VECTORS];
        for (size_t v = 0; v < vectors; v++)
            b[v] = vec_load(tile->b + k * tile->ldb + v * LANES);
        for (size_t r = 0; r < TILE_ROWS; r++) {
            vec a = vec_set(tile->a[r * tile->lda + k]);
            for (size_t v = 0; v < vectors; v++)
                sum[r][v] = attention_multiply_add(a, b[v], sum[r][v]);
        }
    }
    const size_t whole = (vectors - 1) * LANES;
    /* Unrolled, or the sums would live in memory. */
#pragma GCC unroll 8
    for (size_t r = 0; r < TILE_ROWS; r++) {
        float *c = tile->c + r * tile->ldc;
        vec scale = vec_set(tile->scale ? tile->scale[r] : 1.0F);
        for (size_t v = 0; v + 1 < vectors; v++)
            vec_store(c + v * LANES, sum[r][v] * scale);
        vec_store_lanes(c + whole, sum[r][vectors - 1] * scale, tile->columns - whole);
    }
}

/* The i-th of the stretches of at most TILE_VECTORS vectors that `vectors` are cut into, as equal
 * as can be: narrow tiles use the processor badly. count 0 when there are no more. */
struct vector_range {
    size_t begin, count;
};

static inline struct vector_range vector_range_of(size_t vectors, size_t i)
{
    size_t ranges = (vectors + TILE_VECTORS - 1) / TILE_VECTORS;
    size_t least = vectors / ranges;
    size_t longer = vectors % ranges;
    if (i >= ranges)
        return (struct vector_range){.begin = vectors, .count = 0};
    return (struct vector_range){.begin = i * least + (i < longer ? i : longer),
                                 .count = least + (i < longer)};
}

#endif
