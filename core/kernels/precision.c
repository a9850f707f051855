#include "kernels/reference.h"

#include <math.h>
#include <string.h>

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
static float float_of_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000U) << 16;
    uint32_t exponent = (half >> 10) & 31U;
    uint32_t fraction = half & 0x3FFU;
    if (exponent == 31)
        return float_of_bits(sign | 0x7F800000U | fraction << 13);
    if (exponent != 0)
        return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float magnitude = ldexpf((float)fraction, -24);
    return sign ? -magnitude : magnitude;
}

void m2c_widen_f16_c(float *y, const uint16_t *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = float_of_half(x[i]);
}

void m2c_widen_bf16_c(float *y, const uint16_t *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = float_of_bits((uint32_t)x[i] << 16);
}

static uint16_t bf16_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40U);
    uint32_t half_unit = 0x7FFFU + (bits >> 16 & 1U);
    return (uint16_t)((bits + half_unit) >> 16);
}

void m2c_narrow_bf16_c(uint16_t *y, const float *x, size_t count)
{
    for (size_t i = 0; i < count; i++)
        y[i] = bf16_of_float(x[i]);
}
