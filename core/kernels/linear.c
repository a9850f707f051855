#include "kernels/linear.h"

#include <assert.h>
#include <cblas.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "runtime/checked.h"

struct m2c_linear {
    enum m2c_linear_kind kind;
    size_t in, out;
    float *weight; /* [out, in] */
    float *bias;   /* [out] */
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
    if (in == 0 || out == 0 || in > INT_MAX || out > INT_MAX ||
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

enum m2c_status m2c_linear_seal(struct m2c_linear *layer, struct m2c_error *err)
{
    (void)layer;
    (void)err;
    return M2C_OK; /* OpenBLAS reads the staging as it is */
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
    return (layer->in + 1) * layer->out * sizeof(float);
}

/* y = beta y + x W^T. */
static void multiply(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                     float beta, float *y, size_t ldy)
{
    assert(rows <= INT_MAX && ldx <= INT_MAX && ldy <= INT_MAX);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)layer->out, (int)layer->in,
                1.0F, x, (int)ldx, layer->weight, (int)layer->in, beta, y, (int)ldy);
}

void m2c_linear_multiply(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                         float *y, size_t ldy)
{
    multiply(layer, rows, x, ldx, 0.0F, y, ldy);
}

void m2c_linear_apply(const struct m2c_linear *layer, size_t rows, const float *x, size_t ldx,
                      float *y, size_t ldy, enum m2c_epilogue epilogue)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    if (rows == 0)
        return;
    multiply(layer, rows, x, ldx, epilogue == M2C_EPILOGUE_ADD ? 1.0F : 0.0F, y, ldy);
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
