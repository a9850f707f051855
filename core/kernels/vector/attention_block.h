/* A block of query rows against packed keys and values, whatever numbers are packed.
 *
 * Whoever includes this defines attention_multiply_add(a, b, c) first: c + a b, lane by lane, where
 * a lane of a and b is a float or a pair of bfloat16 numbers. */
#ifndef M2C_KERNELS_VECTOR_ATTENTION_BLOCK_H
#define M2C_KERNELS_VECTOR_ATTENTION_BLOCK_H

#include <math.h>

#include "kernels/attention.h"
#include "kernels/attention_plan.h"
#include "kernels/vector/attention_tile.h"

/* One call's operands. A lane's depth is what a product sums over: D and Lk, or pairs of them. */
struct attention_call {
    const struct m2c_attention *attention;
    struct m2c_attention_layout layout;
    float *keys;    /* panels of [score_depth, panel's lanes] */
    float *values;  /* [value_depth, padded_dim] */
    float *scores;  /* [M2C_ATTENTION_BLOCK_ROWS, padded_keys] */
    float *queries; /* room for [M2C_ATTENTION_BLOCK_ROWS, padded_pairs] */
    size_t score_depth, value_depth;
};

static struct attention_call attention_call_of(const struct m2c_attention *a, float *scratch)
{
    struct attention_call call = {.attention = a,
                                  .layout = m2c_attention_layout(a->keys, a->head_dim)};
    call.keys = m2c_attention_aligned(scratch);
    call.values = call.keys + call.layout.values;
    call.scores = call.keys + call.layout.scores;
    call.queries = call.keys + call.layout.queries;
    call.score_depth = a->head_dim;
    call.value_depth = a->keys;
    return call;
}

/* Keys are packed times this, so that scores are exponents of 2. */
static float attention_factor(const struct m2c_attention *a)
{
    return (float)(M_LOG2E / sqrt((double)a->head_dim));
}

/* Functions of their own for each width: registers are dealt out for one at a time. */
static __attribute__((noinline)) void tile_of_1(const struct attention_tile *tile)
{
    tile_multiply(tile, 1);
}

static __attribute__((noinline)) void tile_of_2(const struct attention_tile *tile)
{
    tile_multiply(tile, 2);
}

#if M2C_LANES == 16
static __attribute__((noinline)) void tile_of_3(const struct attention_tile *tile)
{
    tile_multiply(tile, 3);
}

static __attribute__((noinline)) void tile_of_4(const struct attention_tile *tile)
{
    tile_multiply(tile, 4);
}
#endif

static void (*const tiles_of[TILE_VECTORS])(const struct attention_tile *tile) = {
    tile_of_1,
    tile_of_2,
#if M2C_LANES == 16
    tile_of_3,
    tile_of_4,
#endif
};

/* All tiles of a block's rows, at least a tile of them: the last one overlaps the one before where
 * rows are no multiple of a tile, and computes the same there. `tile` is the first. */
static void multiply_rows(struct attention_tile tile, size_t vectors, size_t rows)
{
    const struct attention_tile first = tile;
    for (size_t row = 0; row < rows; row += TILE_ROWS) {
        size_t begin = row + TILE_ROWS <= rows ? row : rows - TILE_ROWS;
        tile.a = first.a + begin * first.lda;
        tile.c = first.c + begin * first.ldc;
        tile.scale = first.scale ? first.scale + begin : NULL;
        tiles_of[vectors - 1](&tile);
    }
}

/* scores = q k^T of the rows at `queries`, in the units that keys were packed in. */
static void score_block(const struct attention_call *call, const float *queries, size_t ldq,
                        size_t rows)
{
    size_t vectors = (call->attention->keys + LANES - 1) / LANES;
    for (size_t i = 0;; i++) {
        struct vector_range panel = vector_range_of(vectors, i);
        if (panel.count == 0)
            return;
        size_t begin = panel.begin * LANES;
        struct attention_tile tile = {.a = queries,
                                      .lda = ldq,
                                      .b = call->keys + begin * call->score_depth,
                                      .ldb = panel.count * LANES,
                                      .depth = call->score_depth,
                                      .c = call->scores + begin,
                                      .ldc = call->layout.padded_keys,
                                      .columns = panel.count * LANES};
        multiply_rows(tile, panel.count, rows);
    }
}

/* out = share * weights v; the weights lie where the scores lay. */
static void value_block(const struct attention_call *call, size_t first, size_t rows,
                        const float *share)
{
    const struct m2c_attention *a = call->attention;
    size_t vectors = (a->head_dim + LANES - 1) / LANES;
    for (size_t i = 0;; i++) {
        struct vector_range panel = vector_range_of(vectors, i);
        if (panel.count == 0)
            return;
        size_t begin = panel.begin * LANES;
        size_t columns = panel.count * LANES;
        struct attention_tile tile = {.a = call->scores,
                                      .lda = call->layout.padded_keys,
                                      .b = call->values + begin,
                                      .ldb = call->layout.padded_dim,
                                      .depth = call->value_depth,
                                      .c = a->out + first * a->ldo + begin,
                                      .ldc = a->ldo,
                                      .scale = share};
        tile.columns = begin + columns < a->head_dim ? columns : a->head_dim - begin;
        multiply_rows(tile, panel.count, rows);
    }
}

/* The query rows that block after block takes; the last overlaps where less than a tile is left.
 * count 0 when there are no more. */
struct query_range {
    size_t first, count;
};

static struct query_range query_block(size_t queries, size_t block)
{
    size_t first = block * M2C_ATTENTION_BLOCK_ROWS;
    if (first >= queries)
        return (struct query_range){.first = queries, .count = 0};
    size_t left = queries - first;
    if (left < TILE_ROWS)
        return (struct query_range){.first = queries - TILE_ROWS, .count = TILE_ROWS};
    return (struct query_range){
        .first = first,
        .count = left < M2C_ATTENTION_BLOCK_ROWS ? left : (size_t)M2C_ATTENTION_BLOCK_ROWS};
}

#endif
