/* The bodies of the vectorised packed kernels, written in the lanes of vector/lanes.h.
 *
 * A file of an instruction set (x86/packed_*.c) includes its lanes header and x86/packed_lanes_*.h
 * first, then this, and makes its kernels of it: a micro-kernel is `multiply` with constant rows
 * and vectors, inlined with how a word of weights is loaded and what a step does with it. */
#ifndef M2C_KERNELS_PACKED_BODY_H
#define M2C_KERNELS_PACKED_BODY_H

#include <math.h>
#include <string.h>

#include "kernels/packed_kernel.h"

/* Of the activations only the maths is used here, not the passes over rows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "kernels/vector/activation.h"
#pragma GCC diagnostic pop

/* sum + x * w: `x` is a word of a row in every lane, `w` the same word of LANES columns. */
typedef vec (*packed_step)(vec sum, vec x, vec w);
typedef vec (*packed_load)(const unsigned char *weights);

/* How many of `rows` x VECTORS sums are kept in registers. */
enum { PACKED_VECTORS = M2C_PACKED_VECTORS, PACKED_ROWS = M2C_PACKED_ROWS };
enum { PACKED_COLUMNS = PACKED_VECTORS * LANES };

ALWAYS_INLINE void packed_multiply(const struct m2c_packed_product *p, const size_t rows,
                                   const size_t vectors, packed_load load, const size_t word_bytes,
                                   packed_step step)
{
    vec sum[PACKED_ROWS][PACKED_VECTORS];
    const unsigned char *weights = p->panel;
    const float *x = (const float *)(const void *)p->x;
    const unsigned char *ahead = p->ahead;
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = vec_load(p->start + v * LANES);
    for (size_t chunk = 0; chunk < p->chunks; chunk++) {
        for (size_t i = 0; i < p->ahead_lines; i++, ahead += 64)
            __builtin_prefetch(ahead, 0, 2);
#pragma GCC unroll 4
        for (size_t word = 0; word < M2C_PACKED_CHUNK_WORDS; word++) {
            vec w[PACKED_VECTORS];
#pragma GCC unroll 3
            for (size_t v = 0; v < vectors; v++)
                w[v] = load(weights + v * LANES * word_bytes);
#pragma GCC unroll 8
            for (size_t r = 0; r < rows; r++) {
                vec value = vec_set(x[r * M2C_PACKED_CHUNK_WORDS + word]);
#pragma GCC unroll 3
                for (size_t v = 0; v < vectors; v++)
                    sum[r][v] = step(sum[r][v], value, w[v]);
            }
            weights += PACKED_COLUMNS * word_bytes;
        }
        x += PACKED_ROWS * M2C_PACKED_CHUNK_WORDS;
    }
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++)
            vec_store(p->tile + r * PACKED_COLUMNS + v * LANES, sum[r][v]);
}

typedef void (*packed_tile)(const struct m2c_packed_product *p);

/* `name`_`r`x`v`: one micro-kernel. */
#define M2C_PACKED_TILE(name, r, v, load, word_bytes, step)                                        \
    static void name##_##r##x##v(const struct m2c_packed_product *p)                               \
    {                                                                                              \
        packed_multiply(p, r, v, load, word_bytes, step);                                          \
    }

ALWAYS_INLINE vec packed_load_element(const void *x, size_t i, const bool is_bf16)
{
    return is_bf16 ? vec_load_bf16((const uint16_t *)x + i) : vec_load((const float *)x + i);
}

/* 64 bytes of words from the numbers at x + i. */
typedef void (*packed_convert)(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                               vec inverse);

ALWAYS_INLINE void packed_convert_all(const struct m2c_packed_row *row, const size_t chunk_values,
                                      const bool is_bf16, float inverse, packed_convert convert)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const vec inverses = vec_set(inverse);
    unsigned char *to = row->to;
    size_t i = 0;
    for (; i + chunk_values <= row->in; i += chunk_values, to += row->chunk_bytes)
        convert(to, row->x, i, is_bf16, inverses);
    if (i < row->in) {
        float last[M2C_PACKED_CHUNK_VALUES_MAX] = {0};
        memcpy(last, (const unsigned char *)row->x + i * size, (row->in - i) * size);
        convert(to, last, 0, is_bf16, inverses);
    }
}

ALWAYS_INLINE void packed_convert_row(const struct m2c_packed_row *row, const size_t chunk_values,
                                      float inverse, packed_convert convert)
{
    if (row->element == M2C_PACKED_ELEMENT_BF16)
        packed_convert_all(row, chunk_values, true, inverse, convert);
    else
        packed_convert_all(row, chunk_values, false, inverse, convert);
}

ALWAYS_INLINE float packed_greatest_of(const struct m2c_packed_row *row, const bool is_bf16)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    vec greatest[4] = {vec_set(0.0F), vec_set(0.0F), vec_set(0.0F), vec_set(0.0F)};
    size_t i = 0;
    for (; i + 4 * LANES <= row->in; i += 4 * LANES)
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(
                greatest[v], vec_abs(packed_load_element(row->x, i + v * LANES, is_bf16)));
    if (i < row->in) {
        float last[4 * LANES] = {0};
        memcpy(last, (const unsigned char *)row->x + i * size, (row->in - i) * size);
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(greatest[v],
                                            vec_abs(packed_load_element(last, v * LANES, is_bf16)));
    }
    greatest[0] = vec_greatest_bits(vec_greatest_bits(greatest[0], greatest[1]),
                                    vec_greatest_bits(greatest[2], greatest[3]));
    float lanes[LANES];
    vec_store(lanes, greatest[0]);
    int32_t bits[LANES];
    memcpy(bits, lanes, sizeof bits);
    for (size_t lane = 1; lane < LANES; lane++)
        bits[0] = bits[lane] > bits[0] ? bits[lane] : bits[0];
    memcpy(lanes, bits, sizeof lanes[0]);
    return lanes[0];
}

/* The greatest magnitude, by comparing bits, in which infinity and then NaN are above all else. */
static inline float packed_greatest(const struct m2c_packed_row *row)
{
    return row->element == M2C_PACKED_ELEMENT_BF16 ? packed_greatest_of(row, true)
                                                   : packed_greatest_of(row, false);
}

/* An INT8 row by `convert`; its scale. */
ALWAYS_INLINE float packed_quantize_row(const struct m2c_packed_row *row, const size_t chunk_values,
                                        packed_convert convert)
{
    float greatest = packed_greatest(row);
    bool is_zero = !isfinite(greatest) || greatest < M2C_PACKED_INT8_LEAST;
    float inverse = is_zero ? 0.0F : (float)M2C_PACKED_INT8_MOST / greatest;
    packed_convert_row(row, chunk_values, inverse, convert);
    return !isfinite(greatest) ? NAN : is_zero ? 0.0F : greatest / (float)M2C_PACKED_INT8_MOST;
}

ALWAYS_INLINE vec packed_load_output(const void *y, size_t n, bool is_bf16)
{
    if (!is_bf16)
        return vec_load_lanes(y, n);
    uint16_t numbers[LANES] = {0};
    memcpy(numbers, y, n * sizeof numbers[0]);
    return vec_load_bf16(numbers);
}

ALWAYS_INLINE void packed_store_output(void *y, vec z, size_t n, bool is_bf16)
{
    if (!is_bf16) {
        vec_store_lanes(y, z, n);
    } else if (n == LANES) {
        vec_store_bf16(y, z);
    } else {
        uint16_t numbers[LANES];
        vec_store_bf16(numbers, z);
        memcpy(y, numbers, n * sizeof numbers[0]);
    }
}

ALWAYS_INLINE void packed_finish_as(const struct m2c_packed_finish *f, const bool is_int8,
                                    const enum m2c_epilogue epilogue)
{
    const struct exponential e = exponential_of(epilogue == M2C_EPILOGUE_GELU ? -0.5 : -1.702);
    const bool is_bf16 = f->element == M2C_PACKED_ELEMENT_BF16;
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t i = 0; i < f->columns; i += LANES) {
        const size_t n = lanes_of(f->columns - i);
        const vec bias = vec_load_lanes(f->bias + i, n);
        const vec scale = is_int8 ? vec_load_lanes(f->scale + i, n) : bias;
        unsigned char *y = f->y + i * size;
        for (size_t r = 0; r < f->rows; r++, y += f->ldy_bytes) {
            vec z = vec_load(f->tile + r * PACKED_COLUMNS + i);
            if (is_int8)
                z = vec_fma(vec_of_ints(z) * scale, vec_set(f->row_scale[r]), bias);
            else
                z += bias;
            if (epilogue == M2C_EPILOGUE_ADD)
                z += packed_load_output(y, n, is_bf16);
            if (epilogue == M2C_EPILOGUE_QUICK_GELU)
                z = quick_gelu(z, &e);
            if (epilogue == M2C_EPILOGUE_GELU)
                z = gelu(z, &e);
            packed_store_output(y, z, n, is_bf16);
        }
    }
}

ALWAYS_INLINE void packed_finish(const struct m2c_packed_finish *f, const bool is_int8)
{
    switch (f->epilogue) {
    case M2C_EPILOGUE_STORE:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_STORE);
        break;
    case M2C_EPILOGUE_ADD:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_ADD);
        break;
    case M2C_EPILOGUE_QUICK_GELU:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_QUICK_GELU);
        break;
    case M2C_EPILOGUE_GELU:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_GELU);
        break;
    }
}

#endif
