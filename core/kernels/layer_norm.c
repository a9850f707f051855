#include "kernels/reference.h"

#include <math.h>

/* What a row is shifted and scaled by. */
struct row_norm {
    double mean, inverse;
};

static struct row_norm row_norm_of(const float *x, size_t width, float eps)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)x[i];
    double mean = sum / (double)width;
    double squares = 0;
    for (size_t i = 0; i < width; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    return (struct row_norm){.mean = mean,
                             .inverse = 1.0 / sqrt(squares / (double)width + (double)eps)};
}

static float normalized(const struct row_norm *norm, float x, float gamma, float beta)
{
    return (float)(((double)x - norm->mean) * norm->inverse) * gamma + beta;
}

static void normalize_row(float *y, const float *x, const float *gamma, const float *beta,
                          size_t width, float eps)
{
    const struct row_norm norm = row_norm_of(x, width, eps);
    for (size_t i = 0; i < width; i++)
        y[i] = normalized(&norm, x[i], gamma[i], beta[i]);
}

void m2c_layer_norm_c(float *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                      const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++)
        normalize_row(y + row * ldy, x + row * ldx, gamma, beta, width, eps);
}

void m2c_layer_norm_bf16_c(uint16_t *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                           const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++) {
        const struct row_norm norm = row_norm_of(x + row * ldx, width, eps);
        for (size_t i = 0; i < width; i++) {
            float value = normalized(&norm, x[row * ldx + i], gamma[i], beta[i]);
            m2c_narrow_bf16_c(y + row * ldy + i, &value, 1);
        }
    }
}

void m2c_residual_layer_norm_c(float *y, size_t ldy, float *x, size_t ldx, const float *delta,
                               size_t ld_delta, const float *bias, const float *gamma,
                               const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++) {
        float *sum = x + row * ldx;
        for (size_t i = 0; delta && i < width; i++)
            sum[i] += delta[row * ld_delta + i];
        for (size_t i = 0; bias && i < width; i++)
            sum[i] += bias[i];
        normalize_row(y + row * ldy, sum, gamma, beta, width, eps);
    }
}
