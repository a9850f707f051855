#if !defined(__AVX2__) || !defined(__FMA__) || !defined(__F16C__)
#error "compile with -mavx2 -mfma -mf16c"
#endif

#include "kernels/tables.h"

#include "kernels/x86/lanes_avx2.h"

#include "kernels/vector/table.h"

const struct m2c_kernels m2c_kernels_avx2 = M2C_VECTOR_TABLE(M2C_CPU_AVX2);
