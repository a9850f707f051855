/* One table a level; m2c_kernels_get picks among them. */
#ifndef M2C_KERNELS_TABLES_H
#define M2C_KERNELS_TABLES_H

#include "kernels/kernels.h"

extern const struct m2c_kernels m2c_kernels_c;

#if defined(__x86_64__)
extern const struct m2c_kernels m2c_kernels_avx2;
extern const struct m2c_kernels m2c_kernels_avx512;
#endif

#endif
