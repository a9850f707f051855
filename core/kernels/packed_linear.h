/* Linear layers of our own: y = epilogue(x W^T + b) with weights packed once, in three forms, and
 * everything around the product folded in: conversion of the activations, scales, bias, activation,
 * residual.
 *
 * Where libraries stop short of that (per-row scales of int8 activations, above all), this is the
 * product. Weights lie in panels of columns as the kernel of this processor reads them; a block of
 * rows is converted into scratch once and then meets panel after panel. A filled object is
 * immutable and may be multiplied with by any number of threads at once, each with its own rows and
 * scratch.
 */
#ifndef M2C_KERNELS_PACKED_LINEAR_H
#define M2C_KERNELS_PACKED_LINEAR_H

#include <stddef.h>

#include "kernels/linear.h"
#include "status.h"

/* How weights are held and multiplied; sums are f32 (int8: exact int32, then f32). */
enum m2c_packed_form {
    M2C_PACKED_F32,
    /* x and W rounded to bfloat16, to the nearest, ties to even. Subnormal numbers count as zero
     * where the processor multiplies bfloat16 itself. */
    M2C_PACKED_BF16,
    /* W = scale[n] * s8, scale[n] = max |W[n]| / 127; each row of x likewise, on the fly. A row of
     * x whose greatest magnitude is below 1e-30 counts as zero; one that holds a NaN or an infinity
     * gives a row of NaN. */
    M2C_PACKED_INT8,
};

/* Of activations in memory. */
enum m2c_packed_element {
    M2C_PACKED_ELEMENT_F32,  /* float */
    M2C_PACKED_ELEMENT_BF16, /* bfloat16 in a uint16_t */
};

struct m2c_packed_weights;

/* New, unfilled weights of shape [out, in] for the best kernel of this processor; the caller frees
 * them. M2C_BAD_MODEL for sizes out of range (INT8: in <= 131,072, so that no sum overflows). */
M2C_MUST_USE enum m2c_status m2c_packed_new(enum m2c_packed_form form, size_t in, size_t out,
                                            struct m2c_packed_weights **packed,
                                            struct m2c_error *err);

/* Frees; accepts NULL, nulls the pointer. */
void m2c_packed_free(struct m2c_packed_weights **packed);

/* Packs panels first .. last - 1 of `weight` [out, in] f32, dense, borrowed. Every panel is to be
 * filled once before the first product; different panels may be filled by different threads. */
void m2c_packed_fill(struct m2c_packed_weights *packed, const float *weight, size_t first,
                     size_t last);

enum m2c_packed_form m2c_packed_form_of(const struct m2c_packed_weights *packed);
size_t m2c_packed_in(const struct m2c_packed_weights *packed);
size_t m2c_packed_out(const struct m2c_packed_weights *packed);

/* Panels of columns, and the greatest number of rows that a product converts at a time: a call with
 * no more of them reads the weights once. */
size_t m2c_packed_panels(const struct m2c_packed_weights *packed);
size_t m2c_packed_block_rows(const struct m2c_packed_weights *packed);

/* Bytes held; bytes that weights of this shape would hold on this processor (0 if out of range);
 * bytes of scratch that a thread needs, whatever the rows. */
size_t m2c_packed_bytes(const struct m2c_packed_weights *packed);
size_t m2c_packed_bytes_of(enum m2c_packed_form form, size_t in, size_t out);
size_t m2c_packed_scratch_bytes(const struct m2c_packed_weights *packed);

/* One product. x: [rows, in], y: [rows, out], `ld*` elements between rows; bias: [out] or NULL for
 * none. x and y do not overlap. With M2C_EPILOGUE_ADD y is read too. Activations are right to
 * 6e-6 of themselves, QuickGELU in BF16 and INT8 to 2e-4; what is infinite or NaN before one is so
 * after it. */
struct m2c_packed_call {
    size_t rows;
    const void *x;
    size_t ldx;
    enum m2c_packed_element x_element;
    void *y;
    size_t ldy;
    enum m2c_packed_element y_element;
    const float *bias;
    enum m2c_epilogue epilogue;
    /* The panels to compute; panel_count 0 for all. So that a team may split few rows by columns.
     */
    size_t first_panel, panel_count;
};

/* y = epilogue(x W^T + bias). scratch: m2c_packed_scratch_bytes, of any alignment, not shared with
 * another thread meanwhile. Any thread; cannot fail, allocates nothing. */
void m2c_packed_apply(const struct m2c_packed_weights *packed, const struct m2c_packed_call *call,
                      void *scratch);

/* The same with f32 on both sides. */
void m2c_packed_multiply(const struct m2c_packed_weights *packed, size_t rows, const float *x,
                         size_t ldx, float *y, size_t ldy, const float *bias,
                         enum m2c_epilogue epilogue, void *scratch);

#endif
