/* One table a level; m2c_kernels_get picks among them. */
#ifndef M2C_KERNELS_TABLES_H
#define M2C_KERNELS_TABLES_H

#include "kernels/kernels.h"

extern const struct m2c_kernels m2c_kernels_c;

#if defined(__x86_64__)
extern const struct m2c_kernels m2c_kernels_avx2;
extern const struct m2c_kernels m2c_kernels_avx512;

/* The kernel behind m2c_attention_run's bf16; for AVX512_BF16 and whole tiles of queries alone. */
void m2c_attention_bf16(const struct m2c_attention *attention, float *scratch);
#endif

#endif
