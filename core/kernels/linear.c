#include "kernels/linear.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/onednn_product.h"
#include "kernels/packed_linear.h"
#include "runtime/checked.h"

enum { CONVERTED_BYTES = 4 << 20 }; /* rows of x rounded to bf16 at a time */

struct m2c_linear {
    enum m2c_linear_kind kind;
    size_t in, out;
    float *weight; /* [out, in] until sealed; OpenBLAS keeps it */
    float *bias;   /* [out] */
    struct m2c_packed_weights *packed;
    struct m2c_onednn_product *onednn;
};

static pthread_once_t blas_once = PTHREAD_ONCE_INIT;

/* The team splits the rows: a library that splits again would only oversubscribe. */
static void set_blas_single_threaded(void)
{
    openblas_set_num_threads(1);
}

static float *aligned_floats(size_t count)
{
    size_t bytes;
    if (!m2c_checked_multiply(count, sizeof(float), &bytes) || bytes > SIZE_MAX - 63)
        return NULL;
    float *floats = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (floats)
        memset(floats, 0, bytes);
    return floats;
}

enum m2c_status m2c_linear_new(enum m2c_linear_kind kind, size_t in, size_t out,
                               struct m2c_linear **layer_out, struct m2c_error *err)
{
    size_t count;
    *layer_out = NULL;
    if (in == 0 || out == 0 || in > M2C_LINEAR_MAX_IN || out > INT_MAX ||
        !m2c_checked_multiply(in, out, &count))
        return m2c_fail(err, M2C_BAD_MODEL, "a linear layer of %zu x %zu is out of range", out, in);
    struct m2c_linear *layer = calloc(1, sizeof *layer);
    if (!layer)
        return m2c_fail_memory(err, "a linear layer", sizeof *layer);
    *layer = (struct m2c_linear){.kind = kind, .in = in, .out = out};
    layer->weight = aligned_floats(count);
    layer->bias = aligned_floats(out);
    if (!layer->weight || !layer->bias) {
        m2c_linear_free(&layer);
        return m2c_fail_memory(err, "the weights of a linear layer", count * sizeof(float));
    }
    (void)pthread_once(&blas_once, set_blas_single_threaded);
    *layer_out = layer;
    return M2C_OK;
}

void m2c_linear_free(struct m2c_linear **layer_pointer)
{
    struct m2c_linear *layer = *layer_pointer;
    *layer_pointer = NULL;
    if (!layer)
        return;
    m2c_packed_free(&layer->packed);
    m2c_onednn_free(&layer->onednn);
    free(layer->weight);
    free(layer->bias);
    free(layer);
}

float *m2c_linear_staging(struct m2c_linear *layer)
{
    return layer->weight;
}

float *m2c_linear_bias(struct m2c_linear *layer)
{
    return layer->bias;
}

static bool is_native(enum m2c_linear_kind kind)
{
    return kind == M2C_LINEAR_NATIVE_F32 || kind == M2C_LINEAR_NATIVE_BF16 ||
           kind == M2C_LINEAR_NATIVE_INT8;
}

static enum m2c_status pack_native(struct m2c_linear *layer, struct m2c_error *err)
{
    enum m2c_packed_form form = layer->kind == M2C_LINEAR_NATIVE_F32    ? M2C_PACKED_F32
                                : layer->kind == M2C_LINEAR_NATIVE_BF16 ? M2C_PACKED_BF16
                                                                        : M2C_PACKED_INT8;
    enum m2c_status status = m2c_packed_new(form, layer->in, layer->out, &layer->packed, err);
    if (status == M2C_OK)
        m2c_packed_fill(layer->packed, layer->weight, 0, m2c_packed_panels(layer->packed));
    return status;
}

enum m2c_status m2c_linear_seal(struct m2c_linear *layer, struct m2c_error *err)
{
    if (layer->kind == M2C_LINEAR_OPENBLAS_F32)
        return M2C_OK; /* OpenBLAS reads the staging as it is */
    enum m2c_onednn_kind kind =
        layer->kind == M2C_LINEAR_ONEDNN_BF16 ? M2C_ONEDNN_BF16 : M2C_ONEDNN_F32;
    enum m2c_status status = is_native(layer->kind)
                                 ? pack_native(layer, err)
                                 : m2c_onednn_new(kind, layer->weight, layer->bias, layer->in,
                                                  layer->out, &layer->onednn, err);
    if (status != M2C_OK)
        return status;
    free(layer->weight);
    layer->weight = NULL;
    return M2C_OK;
}

bool m2c_linear_available(enum m2c_linear_kind kind)
{
    switch (kind) {
    case M2C_LINEAR_NATIVE_F32:
    case M2C_LINEAR_NATIVE_BF16:
    case M2C_LINEAR_NATIVE_INT8:
    case M2C_LINEAR_OPENBLAS_F32:
        return true;
    case M2C_LINEAR_ONEDNN_F32:
        return m2c_onednn_available(M2C_ONEDNN_F32);
    case M2C_LINEAR_ONEDNN_BF16:
        return m2c_onednn_available(M2C_ONEDNN_BF16);
    }
    return false;
}

enum m2c_linear_kind m2c_linear_kind_of(const struct m2c_linear *layer)
{
    return layer->kind;
}

size_t m2c_linear_in(const struct m2c_linear *layer)
{
    return layer->in;
}

size_t m2c_linear_out(const struct m2c_linear *layer)
{
    return layer->out;
}

size_t m2c_linear_bytes(const struct m2c_linear *layer)
{
    size_t bias = layer->out * sizeof(float);
    if (layer->packed)
        return m2c_packed_bytes(layer->packed) + bias;
    if (layer->onednn)
        return m2c_onednn_bytes(layer->onednn) + bias;
    return layer->in * layer->out * sizeof(float) + bias;
}

size_t m2c_linear_scratch_bytes(const struct m2c_linear *layer)
{
    if (layer->packed)
        return m2c_packed_scratch_bytes(layer->packed);
    return layer->onednn ? CONVERTED_BYTES + m2c_onednn_scratch_bytes() : 0;
}

/* The bias and activation that OpenBLAS does not fold in. */
static void finish_rows(const struct m2c_linear *layer, size_t rows, float *y, size_t ldy,
                        enum m2c_epilogue epilogue)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    switch (epilogue) {
    case M2C_EPILOGUE_STORE:
    case M2C_EPILOGUE_ADD:
        kernels->bias(y, ldy, layer->bias, rows, layer->out);
        break;
    case M2C_EPILOGUE_QUICK_GELU:
        kernels->bias_quick_gelu(y, ldy, layer->bias, rows, layer->out);
        break;
    case M2C_EPILOGUE_GELU:
        kernels->bias_gelu(y, ldy, layer->bias, rows, layer->out);
        break;
    }
}

static void apply_openblas(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                           float *y, size_t ldy, enum m2c_epilogue epilogue)
{
    float beta = epilogue == M2C_EPILOGUE_ADD ? 1.0F : 0.0F;
    assert(rows <= INT_MAX && ldx <= INT_MAX && ldy <= INT_MAX);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)layer->out, (int)layer->in,
                1.0F, x, (int)ldx, layer->weight, (int)layer->in, beta, y, (int)ldy);
    finish_rows(layer, rows, y, ldy, epilogue);
}

static enum m2c_onednn_post onednn_post(enum m2c_epilogue epilogue)
{
    switch (epilogue) {
    case M2C_EPILOGUE_STORE:
        return M2C_ONEDNN_STORE;
    case M2C_EPILOGUE_ADD:
        return M2C_ONEDNN_SUM;
    case M2C_EPILOGUE_QUICK_GELU:
        return M2C_ONEDNN_QUICK_GELU;
    case M2C_EPILOGUE_GELU:
        return M2C_ONEDNN_GELU;
    }
    return M2C_ONEDNN_STORE;
}

/* Rows are rounded to bf16 in equal pieces that fit the scratch. */
static void apply_onednn_bf16(const struct m2c_linear *layer, size_t rows, const float *x,
                              size_t ldx, float *y, size_t ldy, enum m2c_epilogue epilogue,
                              void *scratch)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    uint16_t *converted =
        (uint16_t *)(void *)((unsigned char *)scratch + m2c_onednn_scratch_bytes());
    size_t fit = CONVERTED_BYTES / sizeof(uint16_t) / layer->in;
    size_t pieces = (rows + fit - 1) / fit;
    for (size_t piece = 0, row = 0; piece < pieces; piece++) {
        size_t count = (rows - row) / (pieces - piece);
        for (size_t i = 0; i < count; i++)
            kernels->narrow_bf16(converted + i * layer->in, x + (row + i) * ldx, layer->in);
        m2c_onednn_multiply(layer->onednn, count, converted, layer->in, y + row * ldy, ldy,
                            onednn_post(epilogue), scratch);
        row += count;
    }
}

void m2c_linear_apply(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                      float *y, size_t ldy, enum m2c_epilogue epilogue, void *scratch)
{
    if (rows == 0)
        return;
    switch (layer->kind) {
    case M2C_LINEAR_NATIVE_F32:
    case M2C_LINEAR_NATIVE_BF16:
    case M2C_LINEAR_NATIVE_INT8:
        m2c_packed_multiply(layer->packed, rows, x, ldx, y, ldy, layer->bias, epilogue, scratch);
        break;
    case M2C_LINEAR_OPENBLAS_F32:
        apply_openblas(layer, rows, x, ldx, y, ldy, epilogue);
        break;
    case M2C_LINEAR_ONEDNN_F32:
        m2c_onednn_multiply(layer->onednn, rows, x, ldx, y, ldy, onednn_post(epilogue), scratch);
        break;
    case M2C_LINEAR_ONEDNN_BF16:
        apply_onednn_bf16(layer, rows, x, ldx, y, ldy, epilogue, scratch);
        break;
    }
}
