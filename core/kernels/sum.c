#include "kernels/reference.h"

void m2c_add_c(float *y, size_t ldy, const float *x, size_t ldx, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            y[row * ldy + i] += x[row * ldx + i];
}

float m2c_dot_c(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return (float)sum;
}
