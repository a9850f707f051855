#include "train/augment_geometry.h"

#include <math.h>

static double pixel(const float *plane, size_t size, double x, double y, float fill)
{
    double last = (double)size - 1;
    if (x < 0 || y < 0 || x > last || y > last)
        return (double)fill;
    return (double)plane[(size_t)y * size + (size_t)x];
}

static float sample(const float *plane, size_t size, double x, double y, float fill)
{
    double left = floor(x), top = floor(y);
    double across = x - left, down = y - top;
    double upper = (1 - across) * pixel(plane, size, left, top, fill) +
                   across * pixel(plane, size, left + 1, top, fill);
    double lower = (1 - across) * pixel(plane, size, left, top + 1, fill) +
                   across * pixel(plane, size, left + 1, top + 1, fill);
    return (float)((1 - down) * upper + down * lower);
}

void trn_affine_apply(const struct trn_affine *affine, const float *plane, size_t size, float fill,
                      float *out)
{
    double middle = ((double)size - 1) / 2;
    for (size_t row = 0; row < size; row++) {
        for (size_t column = 0; column < size; column++) {
            double x = (double)column - middle, y = (double)row - middle;
            out[row * size + column] =
                sample(plane, size, affine->xx * x + affine->xy * y + affine->x0 + middle,
                       affine->yx * x + affine->yy * y + affine->y0 + middle, fill);
        }
    }
}
