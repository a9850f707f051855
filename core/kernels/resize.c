#include "kernels/reference.h"

void m2c_resize_row_c(float *y, const float *x, const int32_t *index, const float *weight,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0F;
        for (size_t k = 0; k < 4; k++)
            sum += weight[4 * i + k] * x[index[4 * i + k]];
        y[i] = sum;
    }
}

void m2c_resize_column_c(float *y, const float *const rows[4], const float weight[4], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float sum = 0.0F;
        for (size_t k = 0; k < 4; k++)
            sum += weight[k] * rows[k][i];
        y[i] = sum;
    }
}
