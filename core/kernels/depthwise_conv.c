#include "kernels/reference.h"

void m2c_conv_time_c(float *y, const float *const taps[3], const float *weight, const float *bias,
                     size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float sum = bias[c];
        for (size_t k = 0; k < 3; k++)
            if (taps[k])
                sum += weight[k * channels + c] * taps[k][c];
        y[c] = sum;
    }
}

void m2c_conv_space_c(float *y, const float *const now[9], const float *const *before,
                      const float *weight, const float *shift, const float *bias, size_t channels)
{
    for (size_t c = 0; c < channels; c++) {
        float sum = bias[c];
        for (size_t k = 0; k < 9; k++) {
            if (!now[k])
                continue;
            float difference = before ? now[k][c] - before[k][c] : 0.0F;
            sum += weight[k * channels + c] * (difference + shift[c]);
        }
        y[c] = sum;
    }
}
