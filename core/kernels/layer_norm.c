#include "kernels/reference.h"

#include <math.h>

static void normalize_row(float *y, const float *x, const float *gamma, const float *beta,
                          size_t width, float eps)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++)
        sum += (double)x[i];
    double mean = sum / (double)width;
    double squares = 0;
    for (size_t i = 0; i < width; i++)
        squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    double inverse = 1.0 / sqrt(squares / (double)width + (double)eps);
    for (size_t i = 0; i < width; i++)
        y[i] = (float)(((double)x[i] - mean) * inverse) * gamma[i] + beta[i];
}

void m2c_layer_norm_c(float *y, size_t ldy, const float *x, size_t ldx, const float *gamma,
                      const float *beta, size_t rows, size_t width, float eps)
{
    for (size_t row = 0; row < rows; row++)
        normalize_row(y + row * ldy, x + row * ldx, gamma, beta, width, eps);
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
