/* The matrix library's own product, nothing of ours around it: what `bench` measures efficiency
 * against. OpenBLAS in f32, oneDNN in f32, bf16 and int8 (u8 x s8 -> s32).
 */
#ifndef M2C_KERNELS_LIBRARY_PRODUCT_H
#define M2C_KERNELS_LIBRARY_PRODUCT_H

#include <stddef.h>

#include "status.h"

enum m2c_library {
    M2C_LIBRARY_OPENBLAS_F32,
    M2C_LIBRARY_ONEDNN_F32,
    M2C_LIBRARY_ONEDNN_BF16,
    M2C_LIBRARY_ONEDNN_INT8,
};

struct m2c_library_product;

/* A product of up to `rows` rows with made-up operands of its own. M2C_NOT_IMPLEMENTED where the
 * library or the processor lacks it. New; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_library_product_new(enum m2c_library library, size_t rows,
                                                     size_t in, size_t out,
                                                     struct m2c_library_product **product,
                                                     struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_library_product_free(struct m2c_library_product **product);

/* Scratch of one thread, in bytes, a multiple of 64. */
size_t m2c_library_scratch_bytes(void);

/* Multiplies rows first..first+count. `scratch`: m2c_library_scratch_bytes, one area a thread. Any
 * number of threads at once on rows of their own. */
void m2c_library_product_run(const struct m2c_library_product *product, size_t first, size_t count,
                             void *scratch);

#endif
