#ifndef M2C_KERNELS_VECTOR_PRECISION_H
#define M2C_KERNELS_VECTOR_PRECISION_H

#include <stdint.h>
#include <string.h>

#include "kernels/vector/lanes.h"

/* The last n < LANES numbers go through a whole vector on the stack. */
static void widen_f16(float *y, const uint16_t *x, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vec_store(y + i, vec_load_f16(x + i));
    if (i < count) {
        uint16_t last[LANES] = {0};
        memcpy(last, x + i, (count - i) * sizeof last[0]);
        vec_store_part(y + i, vec_load_f16(last), count - i);
    }
}

static void widen_bf16(float *y, const uint16_t *x, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vec_store(y + i, vec_load_bf16(x + i));
    if (i < count) {
        uint16_t last[LANES] = {0};
        memcpy(last, x + i, (count - i) * sizeof last[0]);
        vec_store_part(y + i, vec_load_bf16(last), count - i);
    }
}

static void narrow_bf16(uint16_t *y, const float *x, size_t count)
{
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        vec_store_bf16(y + i, vec_load(x + i));
    if (i < count) {
        uint16_t last[LANES];
        vec_store_bf16(last, vec_load_part(x + i, count - i));
        memcpy(y + i, last, (count - i) * sizeof last[0]);
    }
}

#endif
