/* Matrix products of oneDNN (C API, dnnl.h): weights packed once, single-threaded calls.
 *
 * The `onednn` backend of linear.h stands on this in f32 and bf16, and `bench` measures its bare
 * int8 product, which cannot fold the per-row scales of dynamic activations (packed_linear.h does).
 * Primitives are made for each number of rows on first use and kept for all products of a shape.
 */
#ifndef M2C_KERNELS_ONEDNN_PRODUCT_H
#define M2C_KERNELS_ONEDNN_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum m2c_onednn_kind {
    M2C_ONEDNN_F32,  /* x, y f32 */
    M2C_ONEDNN_BF16, /* x bf16, y f32 */
    M2C_ONEDNN_INT8, /* x u8, y s32: the bare product */
};

/* What oneDNN does to the product before it is stored. */
enum m2c_onednn_post { M2C_ONEDNN_STORE, M2C_ONEDNN_SUM, M2C_ONEDNN_QUICK_GELU, M2C_ONEDNN_GELU };

struct m2c_onednn_product;

/* Whether the library is there and the processor has the kind's instructions. Any thread. */
bool m2c_onednn_available(enum m2c_onednn_kind kind);

/* Packs weight [out, in] f32 (lent for the call). `bias` [out] f32 is borrowed for the product's
 * life, NULL for none; int8 has none. M2C_NOT_IMPLEMENTED where the processor or library lacks the
 * kind. New; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_onednn_new(enum m2c_onednn_kind kind, const float *weight,
                                            const float *bias, size_t in, size_t out,
                                            struct m2c_onednn_product **product,
                                            struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_onednn_free(struct m2c_onednn_product **product);

/* Bytes of the packed weights. */
size_t m2c_onednn_bytes(const struct m2c_onednn_product *product);

/* y = post(x W^T + b): x [rows, in], y [rows, out] at `ld*` elements between rows. `scratch`:
 * m2c_onednn_scratch_bytes, 64-byte aligned. Any thread; a failure of the library ends the process
 * with one line, as it means that memory is gone. */
void m2c_onednn_multiply(const struct m2c_onednn_product *product, size_t rows, const void *x,
                         size_t ldx, void *y, size_t ldy, enum m2c_onednn_post post, void *scratch);

/* Scratch that any call of any product takes. */
size_t m2c_onednn_scratch_bytes(void);

#endif
