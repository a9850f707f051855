#include "kernels/reference.h"

void m2c_normalize_rgb_c(float *const plane[3], const uint8_t *rgb, const float scale[3],
                         const float shift[3], size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            plane[c][i] = (float)rgb[3 * i + c] * scale[c] + shift[c];
}
