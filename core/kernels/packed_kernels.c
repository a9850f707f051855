#include "kernels/packed_kernel.h"

/* A kernel and what it asks of the processor. */
struct entry {
    const struct m2c_packed_kernel *kernel;
    enum m2c_cpu_level level;
    bool (*has)(void); /* beyond the level, or NULL */
};

/* In rising order within each form. */
static const struct entry entries[] = {
    {&m2c_packed_f32_c, M2C_CPU_C, NULL},
    {&m2c_packed_bf16_c, M2C_CPU_C, NULL},
    {&m2c_packed_int8_c, M2C_CPU_C, NULL},
#if defined(__x86_64__)
    {&m2c_packed_f32_avx2, M2C_CPU_AVX2, NULL},
    {&m2c_packed_bf16_avx2, M2C_CPU_AVX2, NULL},
    {&m2c_packed_int8_avx2, M2C_CPU_AVX2, NULL},
    {&m2c_packed_f32_avx512, M2C_CPU_AVX512, NULL},
    {&m2c_packed_bf16_avx512, M2C_CPU_AVX512, NULL},
    {&m2c_packed_int8_avx512, M2C_CPU_AVX512, NULL},
    {&m2c_packed_bf16_avx512_bf16, M2C_CPU_AVX512, m2c_cpu_has_bf16},
    {&m2c_packed_int8_avx512_vnni, M2C_CPU_AVX512, m2c_cpu_has_vnni},
#endif
};

const struct m2c_packed_kernel *m2c_packed_kernel_of(enum m2c_packed_form form, size_t index)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        const struct entry *entry = &entries[i];
        bool is_there = entry->kernel->form == form && entry->level <= m2c_cpu_level() &&
                        (!entry->has || entry->has());
        if (is_there && index-- == 0)
            return entry->kernel;
    }
    return NULL;
}
