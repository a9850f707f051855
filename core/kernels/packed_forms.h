/* The three forms without instructions of their own: bf16 weights are widened to float as they are
 * read, int8 ones to int16, whose pairs are multiplied and added exactly in int32. */
#ifndef M2C_KERNELS_PACKED_FORMS_H
#define M2C_KERNELS_PACKED_FORMS_H

#include "kernels/packed_tile.h"

ALWAYS_INLINE vec f32_load(const unsigned char *weights)
{
    return vec_load((const float *)(const void *)weights);
}

ALWAYS_INLINE vec bf16_load(const unsigned char *weights)
{
    return vec_load_bf16((const uint16_t *)(const void *)weights);
}

ALWAYS_INLINE vec f32_step(vec sum, vec x, vec w)
{
    return vec_fma(x, w, sum);
}

ALWAYS_INLINE void f32_chunk(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                             vec unused)
{
    (void)unused;
    for (size_t k = 0; k < M2C_PACKED_CHUNK_WORDS; k += LANES)
        vec_store((float *)(void *)to + k, packed_load_element(x, i + k, is_bf16));
}

ALWAYS_INLINE void bf16_chunk(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                              vec unused)
{
    (void)unused;
    for (size_t k = 0; k < M2C_PACKED_CHUNK_WORDS; k += LANES) {
        uint16_t rounded[LANES];
        vec_store_bf16(rounded, packed_load_element(x, i + k, is_bf16));
        vec_store((float *)(void *)to + k, vec_load_bf16(rounded));
    }
}

/* 32 numbers to int16. Added to 1.5 * 2^23, whose unit is 1, they are rounded once, exactly. */
ALWAYS_INLINE void int8_chunk(unsigned char *to, const void *x, size_t i, const bool is_bf16,
                              vec inverse)
{
    const vec base = vec_set(0x1.8p23F);
    for (size_t k = 0; k < 2 * (size_t)M2C_PACKED_CHUNK_WORDS; k += LANES)
        vec_store_int16((int16_t *)(void *)to + k,
                        vec_fma(packed_load_element(x, i + k, is_bf16), inverse, base) - base);
}

static void convert_f32(const struct m2c_packed_rows *rows)
{
    packed_convert_rows(rows, M2C_PACKED_CHUNK_WORDS, false, f32_chunk);
}

static void convert_bf16(const struct m2c_packed_rows *rows)
{
    packed_convert_rows(rows, M2C_PACKED_CHUNK_WORDS, false, bf16_chunk);
}

static void convert_int8(const struct m2c_packed_rows *rows)
{
    packed_convert_rows(rows, 2 * M2C_PACKED_CHUNK_WORDS, true, int8_chunk);
}

static void finish_f32(const struct m2c_packed_product *p)
{
    packed_finish(p, M2C_PACKED_F32);
}

static void finish_bf16(const struct m2c_packed_product *p)
{
    packed_finish(p, M2C_PACKED_BF16);
}

static void finish_int8(const struct m2c_packed_product *p)
{
    packed_finish(p, M2C_PACKED_INT8);
}

#endif
