/* How the vectorised attention kernels cut their work and their scratch. Private to core/kernels.
 *
 * Keys are packed transposed, in panels of a few vectors, and values with rows of whole vectors,
 * once a call; then M2C_ATTENTION_BLOCK_ROWS query rows at a time have their scores computed, made
 * weights and multiplied with the values, in tiles of M2C_ATTENTION_TILE_ROWS rows:
 *
 *     keys [D, Lk'] | values [Lk, D'] | scores [block rows, Lk'] | queries [block rows, (D / 2)']
 *
 * where ' is rounding up to M2C_ATTENTION_PAD. The bfloat16 kernel packs pairs of numbers into one
 * float's room, so that keys and values take half; it alone packs queries.
 */
#ifndef M2C_KERNELS_ATTENTION_PLAN_H
#define M2C_KERNELS_ATTENTION_PLAN_H

#include <stddef.h>
#include <stdint.h>

enum {
    M2C_ATTENTION_PAD = 16, /* lanes of the widest vector */
    M2C_ATTENTION_TILE_ROWS = 6,
    M2C_ATTENTION_BLOCK_ROWS = 4 * M2C_ATTENTION_TILE_ROWS,
    M2C_ATTENTION_ALIGN = 64,
};

struct m2c_attention_layout {
    size_t padded_keys, padded_dim, padded_pairs;
    size_t values, scores, queries; /* where each begins, in floats */
    size_t floats;                  /* all, and what aligning the first takes */
};

static inline size_t m2c_attention_padded(size_t count)
{
    return (count + M2C_ATTENTION_PAD - 1) / M2C_ATTENTION_PAD * M2C_ATTENTION_PAD;
}

static inline struct m2c_attention_layout m2c_attention_layout(size_t keys, size_t head_dim)
{
    struct m2c_attention_layout layout;
    layout.padded_keys = m2c_attention_padded(keys);
    layout.padded_dim = m2c_attention_padded(head_dim);
    layout.padded_pairs = m2c_attention_padded((head_dim + 1) / 2);
    layout.values = head_dim * layout.padded_keys;
    layout.scores = layout.values + keys * layout.padded_dim;
    layout.queries = layout.scores + M2C_ATTENTION_BLOCK_ROWS * layout.padded_keys;
    layout.floats = layout.queries + M2C_ATTENTION_BLOCK_ROWS * layout.padded_pairs +
                    M2C_ATTENTION_ALIGN / sizeof(float);
    return layout;
}

/* The first float of `scratch` that begins a cache line. */
static inline float *m2c_attention_aligned(float *scratch)
{
    size_t past = (uintptr_t)scratch % M2C_ATTENTION_ALIGN;
    return past == 0 ? scratch : scratch + (M2C_ATTENTION_ALIGN - past) / sizeof(float);
}

#endif
