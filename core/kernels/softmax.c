#include "kernels/reference.h"

#include <math.h>

static void softmax_row(float *x, size_t width, float scale)
{
    float greatest = -INFINITY;
    for (size_t i = 0; i < width; i++)
        greatest = fmaxf(greatest, x[i]);
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
        x[i] = expf(scale * (x[i] - greatest));
        sum += (double)x[i];
    }
    float share = (float)(1.0 / sum);
    for (size_t i = 0; i < width; i++)
        x[i] *= share;
}

void m2c_softmax_c(float *x, size_t ldx, size_t rows, size_t width, float scale)
{
    for (size_t row = 0; row < rows; row++)
        softmax_row(x + row * ldx, width, scale);
}
