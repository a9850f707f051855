/* What this processor and this process may use. */
#ifndef M2C_RUNTIME_CPU_H
#define M2C_RUNTIME_CPU_H

#include <stdbool.h>

#include "status.h"

/* Instruction-set levels that kernels are built for, in rising order. */
enum m2c_cpu_level {
    M2C_CPU_C,      /* portable C */
    M2C_CPU_AVX2,   /* AVX2 + FMA + F16C */
    M2C_CPU_AVX512, /* AVX-512 F, BW, DQ, VL */
};

/* The highest level that the processor and the operating system support, no higher than the cap
 * set by m2c_cpu_cap_level. Any thread. */
enum m2c_cpu_level m2c_cpu_level(void);

/* Caps the level ("c", "avx2", "avx512"), so that one machine tests every variant; the default is
 * no cap. An unknown name is M2C_USAGE. Call before threads start. */
M2C_MUST_USE enum m2c_status m2c_cpu_cap_level(const char *name, struct m2c_error *err);

/* "c", "avx2" or "avx512". Static storage. */
const char *m2c_cpu_level_name(enum m2c_cpu_level level);

/* Whether the processor multiplies bfloat16 (AVX512_BF16) or int8 (AVX512_VNNI) natively and the
 * cap lets AVX-512 through. Any thread. */
bool m2c_cpu_has_bf16(void);
bool m2c_cpu_has_vnni(void);

/* Cores this process may use: affinity mask, then the cgroup's CPU quota (v2 cpu.max or v1
 * cfs_quota, rounded up); at least 1. Any thread. */
int m2c_cpu_count(void);

/* Numbers of the cores that the affinity mask lets this process use, in rising order, at most
 * `max`; returns how many. Any thread. */
int m2c_cpu_list(int *cpus, int max);

/* Where a thread runs, and how readily it yields. */
struct m2c_placement {
    const int *cpus; /* [cpu_count], borrowed; cpu_count 0: wherever the process may */
    int cpu_count;
    int nice; /* added to the thread's own, 0..19 */
};

/* Applies it to the calling thread (NULL: nothing to apply). What the system does not grant is left
 * as it is: a placement is about speed alone. */
void m2c_cpu_place_thread(const struct m2c_placement *placement);

#endif
