/* A linear layer: y = x W^T + b, W prepared once, bias, activation or residual folded in.
 *
 * One interface, several backends (docs/architecture.md, decision 3). A layer is made empty, its
 * staging area is filled with f32 weights, and sealing turns that into the backend's own form.
 * A sealed layer is immutable and may be applied by any number of threads at once; every library
 * call is single-threaded.
 */
#ifndef M2C_KERNELS_LINEAR_H
#define M2C_KERNELS_LINEAR_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum m2c_linear_kind {
    M2C_LINEAR_NATIVE_F32,   /* our own kernels (packed_linear.h) */
    M2C_LINEAR_NATIVE_BF16,  /* x and W rounded to bfloat16, sums in f32 */
    M2C_LINEAR_NATIVE_INT8,  /* W per output, x per row, sums exact */
    M2C_LINEAR_OPENBLAS_F32, /* single-precision products of OpenBLAS */
    M2C_LINEAR_ONEDNN_F32,   /* the same of oneDNN, weights packed */
    M2C_LINEAR_ONEDNN_BF16,  /* oneDNN: x and W rounded to bfloat16, sums in f32 */
};

/* The longest row of x that a layer takes: scratch is sized for it. */
enum { M2C_LINEAR_MAX_IN = 1 << 18 };

/* Whether this build and this processor have a kind. Any thread. */
bool m2c_linear_available(enum m2c_linear_kind kind);

/* What happens to the product on its way out. */
enum m2c_epilogue {
    M2C_EPILOGUE_STORE,      /* y = x W^T + b */
    M2C_EPILOGUE_ADD,        /* y += x W^T + b: y holds the residual */
    M2C_EPILOGUE_QUICK_GELU, /* y = q(x W^T + b), q(z) = z sigmoid(1.702 z) */
    M2C_EPILOGUE_GELU,       /* y = g(x W^T + b), exact erf GELU */
};

struct m2c_linear;

/* A new layer of shape [out, in], weights and bias zero; the caller frees it. */
M2C_MUST_USE enum m2c_status m2c_linear_new(enum m2c_linear_kind kind, size_t in, size_t out,
                                            struct m2c_linear **layer, struct m2c_error *err);

/* Frees; accepts NULL, nulls the pointer. */
void m2c_linear_free(struct m2c_linear **layer);

/* The f32 weights [out, in] and bias [out] to be filled before sealing; borrowed until then. */
float *m2c_linear_staging(struct m2c_linear *layer);
float *m2c_linear_bias(struct m2c_linear *layer);

/* Turns the staging into the backend's form. Nothing may be filled afterwards. */
M2C_MUST_USE enum m2c_status m2c_linear_seal(struct m2c_linear *layer, struct m2c_error *err);

enum m2c_linear_kind m2c_linear_kind_of(const struct m2c_linear *layer);
size_t m2c_linear_in(const struct m2c_linear *layer);
size_t m2c_linear_out(const struct m2c_linear *layer);

/* Bytes held by the sealed layer. */
size_t m2c_linear_bytes(const struct m2c_linear *layer);

/* Bytes of scratch that a call takes whatever its rows, 64-byte aligned, one area a thread. */
size_t m2c_linear_scratch_bytes(const struct m2c_linear *layer);

/* x: [rows, in], y: [rows, out], `ld*` floats between rows; x and y do not overlap. Any thread;
 * cannot fail; allocates nothing of ours. */
void m2c_linear_apply(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                      float *y, size_t ldy, enum m2c_epilogue epilogue, void *scratch);

#endif
