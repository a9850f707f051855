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
#pragma GCC unroll 8
    for (size_t r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (size_t v = 0; v < vectors; v++)
            sum[r][v] = vec_load(p->start + v * LANES);
    for (size_t chunk = 0; chunk < p->chunks; chunk++) {
        for (size_t word = 0; word < M2C_PACKED_CHUNK_WORDS; word += 4) {
#pragma GCC unroll 4
            for (size_t i = 0; i < 4; i++) {
                vec w[PACKED_VECTORS];
#pragma GCC unroll 3
                for (size_t v = 0; v < vectors; v++)
                    w[v] = load(weights + (i * PACKED_COLUMNS + v * LANES) * word_bytes);
#pragma GCC unroll 8
                for (size_t r = 0; r < rows; r++) {
                    vec value = vec_set(x[r * M2C_PACKED_CHUNK_WORDS + word + i]);
#pragma GCC unroll 3
                    for (size_t v = 0; v < vectors; v++)
                        sum[r][v] = step(sum[r][v], value, w[v]);
                }
            }
            weights += 4 * PACKED_COLUMNS * word_bytes;
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

ALWAYS_INLINE void packed_convert_row(unsigned char *to, const void *x, size_t in,
                                      const size_t chunk_values, const bool is_bf16, float inverse,
                                      packed_convert convert)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const vec inverses = vec_set(inverse);
    size_t i = 0;
    for (; i + chunk_values <= in; i += chunk_values, to += PACKED_ROWS * M2C_PACKED_CHUNK_BYTES)
        convert(to, x, i, is_bf16, inverses);
    if (i < in) {
        float last[M2C_PACKED_CHUNK_VALUES_MAX] = {0};
        memcpy(last, (const unsigned char *)x + i * size, (in - i) * size);
        convert(to, last, 0, is_bf16, inverses);
    }
}

/* The greatest magnitude, by comparing bits, in which infinity and then NaN are above all else. */
ALWAYS_INLINE float packed_greatest(const void *x, size_t in, const bool is_bf16)
{
    const size_t size = is_bf16 ? sizeof(uint16_t) : sizeof(float);
    vec greatest[4] = {vec_set(0.0F), vec_set(0.0F), vec_set(0.0F), vec_set(0.0F)};
    size_t i = 0;
    for (; i + 4 * LANES <= in; i += 4 * LANES)
#pragma GCC unroll 4
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(
                greatest[v], vec_abs(packed_load_element(x, i + v * LANES, is_bf16)));
    if (i < in) {
        float last[4 * LANES] = {0};
        memcpy(last, (const unsigned char *)x + i * size, (in - i) * size);
        for (size_t v = 0; v < 4; v++)
            greatest[v] = vec_greatest_bits(greatest[v],
                                            vec_abs(packed_load_element(last, v * LANES, is_bf16)));
    }
    greatest[0] = vec_greatest_bits(vec_greatest_bits(greatest[0], greatest[1]),
                                    vec_greatest_bits(greatest[2], greatest[3]));
    return vec_most_bits(greatest[0]);
}

/* An INT8 row's scale from its greatest magnitude, and what it is multiplied by. */
static inline float packed_row_scale(float greatest, float *inverse)
{
    const float most = (float)M2C_PACKED_INT8_MOST;
    bool is_zero = !isfinite(greatest) || greatest < M2C_PACKED_INT8_LEAST;
    *inverse = is_zero ? 0.0F : most / greatest;
    return !isfinite(greatest) ? NAN : is_zero ? 0.0F : greatest / most;
}

/* A row's greatest magnitude is found while the row before is converted: its last steps wait for
 * one another. */
ALWAYS_INLINE void packed_convert_as(const struct m2c_packed_rows *rows, const size_t chunk_values,
                                     const bool is_int8, const bool is_bf16, packed_convert convert)
{
    const unsigned char *x = rows->x;
    unsigned char *to = rows->to;
    float greatest = is_int8 ? packed_greatest(x, rows->in, is_bf16) : 0.0F;
    for (size_t r = 0; r < rows->rows; r++, to += M2C_PACKED_CHUNK_BYTES) {
        const unsigned char *next = x + rows->ldx_bytes;
        float inverse = 1.0F;
        if (is_int8) {
            rows->scale[r] = packed_row_scale(greatest, &inverse);
            if (r + 1 < rows->rows)
                greatest = packed_greatest(next, rows->in, is_bf16);
        }
        packed_convert_row(to, x, rows->in, chunk_values, is_bf16, inverse, convert);
        x = next;
    }
}

ALWAYS_INLINE void packed_convert_rows(const struct m2c_packed_rows *rows,
                                       const size_t chunk_values, const bool is_int8,
                                       packed_convert convert)
{
    if (rows->element == M2C_PACKED_ELEMENT_BF16)
        packed_convert_as(rows, chunk_values, is_int8, true, convert);
    else
        packed_convert_as(rows, chunk_values, is_int8, false, convert);
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

/* What finishing does, constant where it is inlined. */
struct packed_out {
    bool is_int8, is_bf16;
    enum m2c_epilogue epilogue;
    struct exponential e; /* e(s) = exp(-s / 2) */
};

/* CLIP's QuickGELU by one power of 2: 2e-6 off relative to itself within |z| < 10, 6e-6 where the
 * result is next to nothing. Where the power would overflow, 2^126 stands for it. */
ALWAYS_INLINE vec packed_quick_gelu(vec z)
{
    const float factor = (float)(-1.702 * M_LOG2E);
    vec power = vec_power_of_2(vec_min(vec_set(126.0F), z * factor));
    return z * vec_reciprocal(power + vec_set(1.0F));
}

/* One vector of sums to its n columns of y. */
ALWAYS_INLINE void packed_finish_vector(const struct packed_out *out, vec z, const vec scale,
                                        const vec row_scale, const vec bias, unsigned char *y,
                                        const size_t n)
{
    if (out->is_int8)
        z = vec_fma(vec_of_ints(z) * scale, row_scale, bias);
    else
        z += bias;
    if (out->epilogue == M2C_EPILOGUE_ADD)
        z += packed_load_output(y, n, out->is_bf16);
    if (out->epilogue == M2C_EPILOGUE_QUICK_GELU)
        z = packed_quick_gelu(z);
    if (out->epilogue == M2C_EPILOGUE_GELU)
        z = gelu(z, &out->e);
    packed_store_output(y, z, n, out->is_bf16);
}

/* All columns of a panel. */
ALWAYS_INLINE void packed_finish_whole(const struct m2c_packed_finish *f,
                                       const struct packed_out *out)
{
    const size_t size = out->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const size_t rows = f->rows;
    const size_t ldy_bytes = f->ldy_bytes;
    const float *tile = f->tile;
    const float *row_scales = f->row_scale;
    unsigned char *y = f->y;
    vec bias[PACKED_VECTORS];
    vec scale[PACKED_VECTORS];
    for (size_t v = 0; v < PACKED_VECTORS; v++) {
        bias[v] = vec_load(f->bias + v * LANES);
        scale[v] = out->is_int8 ? vec_load(f->scale + v * LANES) : bias[v];
    }
    for (size_t r = 0; r < rows; r++, y += ldy_bytes, tile += PACKED_COLUMNS) {
        const vec row_scale = vec_set(out->is_int8 ? row_scales[r] : 1.0F);
#pragma GCC unroll 3
        for (size_t v = 0; v < PACKED_VECTORS; v++)
            packed_finish_vector(out, vec_load(tile + v * LANES), scale[v], row_scale, bias[v],
                                 y + v * LANES * size, LANES);
    }
}

/* The columns of the last panel. */
ALWAYS_INLINE void packed_finish_part(const struct m2c_packed_finish *f,
                                      const struct packed_out *out)
{
    const size_t size = out->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t i = 0; i < f->columns; i += LANES) {
        const size_t n = lanes_of(f->columns - i);
        const vec bias = vec_load_part(f->bias + i, n);
        const vec scale = out->is_int8 ? vec_load_part(f->scale + i, n) : bias;
        for (size_t r = 0; r < f->rows; r++)
            packed_finish_vector(out, vec_load(f->tile + r * PACKED_COLUMNS + i), scale,
                                 vec_set(out->is_int8 ? f->row_scale[r] : 1.0F), bias,
                                 f->y + r * f->ldy_bytes + i * size, n);
    }
}

ALWAYS_INLINE void packed_finish_as(const struct m2c_packed_finish *f, const bool is_int8,
                                    const enum m2c_epilogue epilogue, const bool is_bf16)
{
    const struct packed_out out = {is_int8, is_bf16, epilogue, exponential_of(-0.5)};
    if (f->columns == PACKED_COLUMNS)
        packed_finish_whole(f, &out);
    else
        packed_finish_part(f, &out);
}

ALWAYS_INLINE void packed_finish_to(const struct m2c_packed_finish *f, const bool is_int8,
                                    const bool is_bf16)
{
    switch (f->epilogue) {
    case M2C_EPILOGUE_STORE:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_STORE, is_bf16);
        break;
    case M2C_EPILOGUE_ADD:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_ADD, is_bf16);
        break;
    case M2C_EPILOGUE_QUICK_GELU:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_QUICK_GELU, is_bf16);
        break;
    case M2C_EPILOGUE_GELU:
        packed_finish_as(f, is_int8, M2C_EPILOGUE_GELU, is_bf16);
        break;
    }
}

ALWAYS_INLINE void packed_finish(const struct m2c_packed_finish *f, const bool is_int8)
{
    if (f->element == M2C_PACKED_ELEMENT_BF16)
        packed_finish_to(f, is_int8, true);
    else
        packed_finish_to(f, is_int8, false);
}

#endif
