/* What happens to sums on their way out, in the lanes of vector/lanes.h (see packed_tile.h). */
#ifndef M2C_KERNELS_PACKED_FINISH_H
#define M2C_KERNELS_PACKED_FINISH_H

#include <math.h>
#include <string.h>

#include "kernels/packed_kernel.h"

/* Of the activations only the maths is used here, not the passes over rows. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include "kernels/vector/activation.h"
#pragma GCC diagnostic pop

enum { PACKED_VECTORS = M2C_PACKED_VECTORS, PACKED_COLUMNS = PACKED_VECTORS * LANES };

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

/* 2^t within 7.5e-5 of itself for t <= 160: 2^f over 0 <= f < 1 by the polynomial of degree 3 that
 * has the least greatest relative error (Remez's exchange). */
ALWAYS_INLINE vec packed_near_power_of_2(vec t)
{
    vec f;
    vec whole = vec_split(t, &f);
    vec p = vec_set(0x1.3f96a4p-4F);
    p = vec_fma(p, f, vec_set(0x1.cefc4cp-3F));
    p = vec_fma(p, f, vec_set(0x1.64444cp-1F));
    p = vec_fma(p, f, vec_set(0x1.fff632p-1F));
    return vec_scale(p, whole);
}

/* CLIP's QuickGELU: a power of 2 and a reciprocal, where the power would overflow 2^126 instead. In
 * F32 2e-6 off relative to itself within |z| < 10 and 6e-6 where the result is next to nothing; in
 * the other forms, which keep 8 bits of x, 2e-4. */
ALWAYS_INLINE vec packed_quick_gelu(vec z, const bool is_f32)
{
    const vec one = vec_set(1.0F);
    const vec t = vec_min(vec_set(126.0F), z * vec_set((float)(-1.702 * M_LOG2E)));
    if (is_f32)
        return z / (one + vec_power_of_2(t));
    return z * vec_near_reciprocal(one + packed_near_power_of_2(t));
}

/* What finishing does, constant where it is inlined. */
struct packed_out {
    enum m2c_packed_form form;
    bool is_bf16;
    enum m2c_epilogue epilogue;
    struct exponential e; /* e(s) = exp(-s / 2) */
};

/* What is the same in each row of a vector of columns. */
struct packed_column {
    vec scale, bias;
};

ALWAYS_INLINE struct packed_column packed_column_at(const struct m2c_packed_product *p,
                                                    const enum m2c_packed_form form, size_t i,
                                                    const size_t n)
{
    struct packed_column column = {.bias = vec_load_lanes(p->bias + i, n)};
    column.scale = form == M2C_PACKED_INT8 ? vec_load_lanes(p->scale + i, n) : column.bias;
    return column;
}

/* One vector of sums to its n columns of y. */
ALWAYS_INLINE void packed_finish_vector(const struct packed_out *out, vec z,
                                        const struct packed_column *column, const vec row_scale,
                                        unsigned char *y, const size_t n)
{
    if (out->form == M2C_PACKED_INT8)
        z = vec_fma(vec_of_ints(z) * column->scale, row_scale, column->bias);
    else
        z += column->bias;
    if (out->epilogue == M2C_EPILOGUE_ADD)
        z += packed_load_output(y, n, out->is_bf16);
    if (out->epilogue == M2C_EPILOGUE_QUICK_GELU)
        z = packed_quick_gelu(z, out->form == M2C_PACKED_F32);
    if (out->epilogue == M2C_EPILOGUE_GELU)
        z = gelu(z, &out->e);
    packed_store_output(y, z, n, out->is_bf16);
}

/* `vectors` vectors of row r from `sums` on; `column` and y belong to the first. */
ALWAYS_INLINE void packed_finish_row(const struct m2c_packed_product *p,
                                     const struct packed_out *out, size_t r, const vec *sums,
                                     const struct packed_column *column, unsigned char *y)
{
    const size_t size = out->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    const vec row_scale = vec_set(out->form == M2C_PACKED_INT8 ? p->row_scale[r] : 1.0F);
#pragma GCC unroll 3
    for (size_t v = 0; v < PACKED_VECTORS; v++)
        packed_finish_vector(out, sums[v], &column[v], row_scale, y + v * LANES * size, LANES);
}

/* All columns of a panel. */
ALWAYS_INLINE void packed_finish_whole(const struct m2c_packed_product *p,
                                       const struct packed_out *out)
{
    const size_t rows = p->rows;
    const size_t ldy_bytes = p->ldy_bytes;
    const float *tile = p->tile;
    unsigned char *y = p->y;
    struct packed_column column[PACKED_VECTORS];
    for (size_t v = 0; v < PACKED_VECTORS; v++)
        column[v] = packed_column_at(p, out->form, v * LANES, LANES);
    for (size_t r = 0; r < rows; r++, y += ldy_bytes, tile += PACKED_COLUMNS) {
        vec sums[PACKED_VECTORS];
#pragma GCC unroll 3
        for (size_t v = 0; v < PACKED_VECTORS; v++)
            sums[v] = vec_load(tile + v * LANES);
        packed_finish_row(p, out, r, sums, column, y);
    }
}

/* The columns of the last panel. */
ALWAYS_INLINE void packed_finish_part(const struct m2c_packed_product *p,
                                      const struct packed_out *out)
{
    const size_t size = out->is_bf16 ? sizeof(uint16_t) : sizeof(float);
    for (size_t i = 0; i < p->columns; i += LANES) {
        const size_t n = lanes_of(p->columns - i);
        const struct packed_column column = packed_column_at(p, out->form, i, n);
        for (size_t r = 0; r < p->rows; r++)
            packed_finish_vector(out, vec_load(p->tile + r * PACKED_COLUMNS + i), &column,
                                 vec_set(out->form == M2C_PACKED_INT8 ? p->row_scale[r] : 1.0F),
                                 p->y + r * p->ldy_bytes + i * size, n);
    }
}

ALWAYS_INLINE void packed_finish_as(const struct m2c_packed_product *p,
                                    const enum m2c_packed_form form, const bool is_bf16,
                                    const enum m2c_epilogue epilogue)
{
    const struct packed_out out = {form, is_bf16, epilogue, exponential_of(-0.5)};
    if (p->columns == PACKED_COLUMNS)
        packed_finish_whole(p, &out);
    else
        packed_finish_part(p, &out);
}

ALWAYS_INLINE void packed_finish_to(const struct m2c_packed_product *p,
                                    const enum m2c_packed_form form, const bool is_bf16)
{
    switch (p->epilogue) {
    case M2C_EPILOGUE_STORE:
        packed_finish_as(p, form, is_bf16, M2C_EPILOGUE_STORE);
        break;
    case M2C_EPILOGUE_ADD:
        packed_finish_as(p, form, is_bf16, M2C_EPILOGUE_ADD);
        break;
    case M2C_EPILOGUE_QUICK_GELU:
        packed_finish_as(p, form, is_bf16, M2C_EPILOGUE_QUICK_GELU);
        break;
    case M2C_EPILOGUE_GELU:
        packed_finish_as(p, form, is_bf16, M2C_EPILOGUE_GELU);
        break;
    }
}

/* The sums in p->tile to y. */
ALWAYS_INLINE void packed_finish(const struct m2c_packed_product *p,
                                 const enum m2c_packed_form form)
{
    if (p->element == M2C_PACKED_ELEMENT_BF16)
        packed_finish_to(p, form, true);
    else
        packed_finish_to(p, form, false);
}

#endif
