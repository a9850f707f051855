#ifndef M2C_KERNELS_VECTOR_NORMALIZE_H
#define M2C_KERNELS_VECTOR_NORMALIZE_H

#include <stdint.h>
#include <string.h>

#include "kernels/vector/lanes.h"

/* n <= LANES pixels of the three planes from pixel i on; LANES of them are read. */
static inline void normalize_lanes(float *const plane[3], const uint8_t *rgb, const float scale[3],
                                   const float shift[3], size_t i, size_t n)
{
    vec colour[3];
    vec_load_rgb(rgb, colour);
    for (size_t c = 0; c < 3; c++)
        vec_store_lanes(plane[c] + i, vec_fma(colour[c], vec_set(scale[c]), vec_set(shift[c])), n);
}

static void normalize_rgb(float *const plane[3], const uint8_t *rgb, const float scale[3],
                          const float shift[3], size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        normalize_lanes(plane, rgb + 3 * i, scale, shift, i, LANES);
    if (i < count) {
        uint8_t last[3 * LANES] = {0};
        memcpy(last, rgb + 3 * i, 3 * (count - i));
        normalize_lanes(plane, last, scale, shift, i, count - i);
    }
}

#endif
