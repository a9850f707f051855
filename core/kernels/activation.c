#include "kernels/reference.h"

#include <math.h>

void m2c_bias_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            x[row * ldx + i] += bias[i];
}

void m2c_bias_quick_gelu_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < width; i++) {
            float z = x[row * ldx + i] + bias[i];
            x[row * ldx + i] = z / (1.0F + expf(-1.702F * z));
        }
    }
}

/* 1 + erf(z / sqrt 2) is erfc(-z / sqrt 2), without the cancellation where z is far below 0. */
static float gelu(float z)
{
    return (float)((double)z * 0.5 * erfc((double)z * -M_SQRT1_2));
}

void m2c_bias_gelu_c(float *x, size_t ldx, const float *bias, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            x[row * ldx + i] = gelu(x[row * ldx + i] + bias[i]);
}
