/* The build without oneDNN: OpenBLAS and our own kernels serve alone. */
#include "kernels/onednn_product.h"

bool m2c_onednn_available(enum m2c_onednn_kind kind)
{
    (void)kind;
    return false;
}

enum m2c_status m2c_onednn_new(enum m2c_onednn_kind kind, const float *weight, const float *bias,
                               size_t in, size_t out, struct m2c_onednn_product **product,
                               struct m2c_error *err)
{
    (void)kind;
    (void)weight;
    (void)bias;
    *product = NULL;
    return m2c_fail(err, M2C_NOT_IMPLEMENTED, "this build has no oneDNN for a layer of %zu x %zu",
                    out, in);
}

void m2c_onednn_free(struct m2c_onednn_product **product)
{
    *product = NULL;
}

size_t m2c_onednn_bytes(const struct m2c_onednn_product *product)
{
    (void)product;
    return 0;
}

size_t m2c_onednn_scratch_bytes(void)
{
    return 0;
}

void m2c_onednn_multiply(const struct m2c_onednn_product *product, size_t rows, const void *x,
                         size_t ldx, void *y, size_t ldy, enum m2c_onednn_post post, void *scratch)
{
    (void)product;
    (void)rows;
    (void)x;
    (void)ldx;
    (void)y;
    (void)ldy;
    (void)post;
    (void)scratch;
}
