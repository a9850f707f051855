/* The micro-kernel: a few rows of x against a panel of columns, all sums in registers.
 *
 * Like the bodies in vector/ it is written once, in the lanes of vector/lanes.h. A file of an
 * instruction set (x86/packed_*.c) includes its x86/packed_lanes_*.h first, then this, and makes
 * its kernels by M2C_PACKED_TILES: `packed_multiply` with constant rows and vectors, inlined with
 * how a word of weights is loaded and what a step does with it. */
#ifndef M2C_KERNELS_PACKED_TILE_H
#define M2C_KERNELS_PACKED_TILE_H

#include "kernels/packed_convert.h"
#include "kernels/packed_finish.h"

/* sum + x * w: `x` is a word of a row in every lane, `w` the same word of LANES columns. */
typedef vec (*packed_step)(vec sum, vec x, vec w);
typedef vec (*packed_load)(const unsigned char *weights);
typedef void (*packed_tile)(const struct m2c_packed_product *p);

/* The sums of all words. x and panel are read from front to back, so that the processor's own
 * fetching ahead suffices: fetching by hand has only been slower. */
ALWAYS_INLINE void packed_sum(const struct m2c_packed_product *p,
                              vec sum[M2C_PACKED_ROWS][M2C_PACKED_VECTORS], const size_t rows,
                              const size_t vectors, packed_load load, const size_t word_bytes,
                              packed_step step)
{
    enum { UNROLLED = 4 };
    const unsigned char *weights = p->panel;
    const float *x = (const float *)(const void *)p->x;
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = vec_load(p->start + v * LANES);
    for (size_t chunk = 0; chunk < p->chunks; chunk++) {
        for (size_t word = 0; word < M2C_PACKED_CHUNK_WORDS; word += UNROLLED) {
#pragma GCC unroll 4
            for (size_t i = 0; i < UNROLLED; i++) {
                vec w[M2C_PACKED_VECTORS];
#pragma GCC unroll 3
                for (size_t v = 0; v < vectors; v++)
                    w[v] = load(weights + (i * PACKED_COLUMNS + v * LANES) * word_bytes);
#pragma GCC unroll 8
                for (size_t r = 0; r < rows; r++) {
                    vec value = vec_set(x[r * M2C_PACKED_CHUNK_WORDS + word + i]);
#pragma GCC unroll 3
                    for (size_t v = 0; v < vectors; v++)
                        sum[r][v] = vec_pinned(step(sum[r][v], value, w[v]));
                }
            }
            weights += UNROLLED * PACKED_COLUMNS * word_bytes;
        }
        x += M2C_PACKED_ROWS * M2C_PACKED_CHUNK_WORDS;
    }
}

/* Whole rows of floats are finished where the sums are; all else by way of p->tile. */
ALWAYS_INLINE void packed_finish_sums(const struct m2c_packed_product *p,
                                      vec sum[M2C_PACKED_ROWS][M2C_PACKED_VECTORS],
                                      const size_t rows, const enum m2c_packed_form form,
                                      const enum m2c_epilogue epilogue)
{
    const struct packed_out out = {.form = form, .is_bf16 = false, .epilogue = epilogue};
    unsigned char *y = p->y;
    struct packed_column column[PACKED_VECTORS];
    for (size_t v = 0; v < PACKED_VECTORS; v++)
        column[v] = packed_column_at(p, form, v * LANES, LANES);
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++, y += p->ldy_bytes)
        packed_finish_row(p, &out, r, sum[r], column, y);
}

ALWAYS_INLINE void packed_multiply(const struct m2c_packed_product *p, const size_t rows,
                                   const size_t vectors, packed_load load, const size_t word_bytes,
                                   packed_step step, const enum m2c_packed_form form,
                                   packed_tile finish)
{
    vec sum[M2C_PACKED_ROWS][M2C_PACKED_VECTORS];
    packed_sum(p, sum, rows, vectors, load, word_bytes, step);
    if (vectors == PACKED_VECTORS && p->columns == PACKED_COLUMNS &&
        p->element == M2C_PACKED_ELEMENT_F32) {
        if (p->epilogue == M2C_EPILOGUE_STORE) {
            packed_finish_sums(p, sum, rows, form, M2C_EPILOGUE_STORE);
            return;
        }
        if (p->epilogue == M2C_EPILOGUE_ADD) {
            packed_finish_sums(p, sum, rows, form, M2C_EPILOGUE_ADD);
            return;
        }
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++)
            vec_store(p->tile + r * PACKED_COLUMNS + v * LANES, sum[r][v]);
    finish(p);
}

/* `name`_`r`x`v`: one micro-kernel. */
#define M2C_PACKED_TILE(name, r, v, load, word_bytes, step, form, finish)                          \
    static void name##_##r##x##v(const struct m2c_packed_product *p)                               \
    {                                                                                              \
        packed_multiply(p, r, v, load, word_bytes, step, form, finish);                            \
    }

#endif
