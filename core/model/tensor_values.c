#include "model/tensor_values.h"

#include <assert.h>
#include <string.h>

#include "kernels/kernels.h"

/* Values go through a small aligned buffer, since a file may put its data at any byte. */
enum { CHUNK = 2048 };

bool m2c_tensor_is_float(const struct m2c_tensor *tensor)
{
    return tensor->dtype == M2C_DTYPE_F32 || tensor->dtype == M2C_DTYPE_F16 ||
           tensor->dtype == M2C_DTYPE_BF16;
}

static const unsigned char *element(const struct m2c_tensor *tensor, size_t index)
{
    return (const unsigned char *)tensor->data + index * (m2c_dtype_bits(tensor->dtype) / 8);
}

void m2c_tensor_to_f32(const struct m2c_tensor *tensor, size_t first, size_t count, float *out)
{
    assert(m2c_tensor_is_float(tensor));
    assert(first <= tensor->elements && count <= tensor->elements - first);
    if (tensor->dtype == M2C_DTYPE_F32) {
        if (count > 0)
            memcpy(out, element(tensor, first), count * sizeof *out);
        return;
    }
    const struct m2c_kernels *kernels = m2c_kernels_get();
    uint16_t chunk[CHUNK];
    for (size_t done = 0; done < count; done += CHUNK) {
        size_t n = count - done < CHUNK ? count - done : CHUNK;
        memcpy(chunk, element(tensor, first + done), n * sizeof *chunk);
        if (tensor->dtype == M2C_DTYPE_F16)
            kernels->widen_f16(out + done, chunk, n);
        else
            kernels->widen_bf16(out + done, chunk, n);
    }
}

/* An exponent of all ones marks NaN and infinity: adding one to the exponent field carries into the
 * sign's place. The or over a chunk keeps the loop free of branches. */
static bool finite16(const struct m2c_tensor *tensor, unsigned exponent, unsigned one)
{
    uint16_t chunk[CHUNK];
    for (size_t first = 0; first < tensor->elements; first += CHUNK) {
        size_t n = tensor->elements - first < CHUNK ? tensor->elements - first : CHUNK;
        uint16_t carried = 0;
        memcpy(chunk, element(tensor, first), n * sizeof *chunk);
        for (size_t i = 0; i < n; i++)
            carried |= (uint16_t)((chunk[i] & exponent) + one);
        if (carried & 0x8000U)
            return false;
    }
    return true;
}

static bool finite32(const struct m2c_tensor *tensor)
{
    uint32_t chunk[CHUNK];
    for (size_t first = 0; first < tensor->elements; first += CHUNK) {
        size_t n = tensor->elements - first < CHUNK ? tensor->elements - first : CHUNK;
        uint32_t carried = 0;
        memcpy(chunk, element(tensor, first), n * sizeof *chunk);
        for (size_t i = 0; i < n; i++)
            carried |= (chunk[i] & 0x7f800000U) + 0x00800000U;
        if (carried & 0x80000000U)
            return false;
    }
    return true;
}

bool m2c_tensor_is_finite(const struct m2c_tensor *tensor)
{
    assert(m2c_tensor_is_float(tensor));
    if (tensor->dtype == M2C_DTYPE_F32)
        return finite32(tensor);
    if (tensor->dtype == M2C_DTYPE_F16)
        return finite16(tensor, 0x7c00U, 0x0400U);
    return finite16(tensor, 0x7f80U, 0x0080U);
}

uint16_t m2c_half_from_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000U;
    bits &= 0x7fffffffU;
    if (bits > 0x7f800000U)
        return (uint16_t)(sign | 0x7e00U);
    if (bits >= 0x477ff000U) /* 65520: the first value that rounds past the largest half */
        return (uint16_t)(sign | 0x7c00U);
    if (bits < 0x38800000U) {
        /* Below 2^-14 a half counts steps of 2^-24: adding 0.5 lets the float unit round to them.
         */
        float magnitude;
        memcpy(&magnitude, &bits, sizeof magnitude);
        magnitude += 0.5F;
        memcpy(&bits, &magnitude, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000U));
    }
    uint32_t odd = bits >> 13 & 1U;
    bits += 0xc8000fffU + odd; /* exponent bias 127 to 15, and half a step less the tie's share */
    return (uint16_t)(sign | bits >> 13);
}
