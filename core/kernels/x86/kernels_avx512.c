#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) ||                   \
    !defined(__AVX512VL__)
#error "compile with -mavx512f -mavx512bw -mavx512dq -mavx512vl"
#endif

#include "kernels/tables.h"

#include "kernels/x86/lanes_avx512.h"

#include "kernels/vector/table.h"

const struct m2c_kernels m2c_kernels_avx512 = M2C_VECTOR_TABLE(M2C_CPU_AVX512);
