#include "kernels/library_product.h"

#include <cblas.h>
#include <stdint.h>
#include <stdlib.h>

#include "kernels/kernels.h"
#include "kernels/onednn_product.h"
#include "runtime/checked.h"

struct m2c_library_product {
    enum m2c_library library;
    size_t in, out;
    size_t element_bytes; /* of x */
    void *x;              /* [rows, in] f32, bf16 or u8 */
    float *weight;        /* [out, in], OpenBLAS alone */
    void *y;              /* [rows, out] f32 or s32 */
    struct m2c_onednn_product *onednn;
};

/* Small values that are neither zero nor denormal. */
static float made_up(size_t i)
{
    return (float)((i * 2654435761U) % 2048) / 2048.0F - 0.5F;
}

static void fill_input(struct m2c_library_product *product, size_t count)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    for (size_t i = 0; i < count; i++) {
        float value = made_up(i);
        if (product->element_bytes == sizeof(float))
            ((float *)product->x)[i] = value;
        else if (product->element_bytes == sizeof(uint16_t))
            kernels->narrow_bf16((uint16_t *)product->x + i, &value, 1);
        else
            ((uint8_t *)product->x)[i] = (uint8_t)(i % 251);
    }
}

static enum m2c_status make_weight(struct m2c_library_product *product, struct m2c_error *err)
{
    static const enum m2c_onednn_kind kinds[] = {[M2C_LIBRARY_ONEDNN_F32] = M2C_ONEDNN_F32,
                                                 [M2C_LIBRARY_ONEDNN_BF16] = M2C_ONEDNN_BF16,
                                                 [M2C_LIBRARY_ONEDNN_INT8] = M2C_ONEDNN_INT8};
    size_t count = product->in * product->out;
    float scale = product->library == M2C_LIBRARY_ONEDNN_INT8 ? 127.0F : 1.0F;
    for (size_t i = 0; i < count; i++)
        product->weight[i] = made_up(i) * scale;
    if (product->library == M2C_LIBRARY_OPENBLAS_F32)
        return M2C_OK;
    enum m2c_status status = m2c_onednn_new(kinds[product->library], product->weight, NULL,
                                            product->in, product->out, &product->onednn, err);
    free(product->weight);
    product->weight = NULL;
    return status;
}

enum m2c_status m2c_library_product_new(enum m2c_library library, size_t rows, size_t in,
                                        size_t out, struct m2c_library_product **product_out,
                                        struct m2c_error *err)
{
    static const size_t element_bytes[] = {[M2C_LIBRARY_OPENBLAS_F32] = sizeof(float),
                                           [M2C_LIBRARY_ONEDNN_F32] = sizeof(float),
                                           [M2C_LIBRARY_ONEDNN_BF16] = sizeof(uint16_t),
                                           [M2C_LIBRARY_ONEDNN_INT8] = sizeof(uint8_t)};
    struct m2c_library_product *product = calloc(1, sizeof *product);
    size_t inputs;
    size_t outputs;
    size_t weights;
    *product_out = NULL;
    if (!product || !m2c_checked_multiply(rows, in, &inputs) ||
        !m2c_checked_multiply(rows, out, &outputs) || !m2c_checked_multiply(in, out, &weights)) {
        free(product);
        return m2c_fail_memory(err, "a measured product", sizeof *product);
    }
    *product = (struct m2c_library_product){
        .library = library, .in = in, .out = out, .element_bytes = element_bytes[library]};
    product->x = calloc(inputs, product->element_bytes);
    product->y = calloc(outputs, sizeof(float));
    product->weight = calloc(weights, sizeof(float));
    enum m2c_status status =
        product->x && product->y && product->weight
            ? make_weight(product, err)
            : m2c_fail_memory(err, "a measured product", (inputs + outputs + weights) * 4);
    if (status != M2C_OK) {
        m2c_library_product_free(&product);
        return status;
    }
    fill_input(product, inputs);
    *product_out = product;
    return M2C_OK;
}

void m2c_library_product_free(struct m2c_library_product **product_pointer)
{
    struct m2c_library_product *product = *product_pointer;
    *product_pointer = NULL;
    if (!product)
        return;
    m2c_onednn_free(&product->onednn);
    free(product->x);
    free(product->y);
    free(product->weight);
    free(product);
}

size_t m2c_library_scratch_bytes(void)
{
    return m2c_onednn_scratch_bytes() + 64;
}

void m2c_library_product_run(const struct m2c_library_product *product, size_t first, size_t count,
                             void *scratch)
{
    const unsigned char *x =
        (const unsigned char *)product->x + first * product->in * product->element_bytes;
    float *y = (float *)product->y + first * product->out;
    if (count == 0)
        return;
    if (product->onednn) {
        m2c_onednn_multiply(product->onednn, count, x, product->in, y, product->out,
                            M2C_ONEDNN_STORE, scratch);
        return;
    }
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)count, (int)product->out,
                (int)product->in, 1.0F, (const float *)(const void *)x, (int)product->in,
                product->weight, (int)product->in, 0.0F, y, (int)product->out);
}
