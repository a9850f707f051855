#include "runtime/cpu.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

static enum m2c_cpu_level level_cap = M2C_CPU_AVX512;

#if defined(__x86_64__)
/* Not by __builtin_cpu_supports, which knows the name in GCC alone. */
static bool has_f16c(void)
{
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C);
}
#endif

static enum m2c_cpu_level detect_level(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (!has_f16c())
        return M2C_CPU_C;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return M2C_CPU_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return M2C_CPU_AVX2;
#endif
    return M2C_CPU_C;
}

/* Asked for at every kernel call, and the cpuid instruction costs microseconds in a virtual
 * machine: the answer is kept, plus 1 so that 0 means not yet asked. */
static enum m2c_cpu_level detected_level(void)
{
    static _Atomic int kept;
    int level = atomic_load_explicit(&kept, memory_order_relaxed) - 1;
    if (level < 0) {
        level = (int)detect_level();
        atomic_store_explicit(&kept, level + 1, memory_order_relaxed);
    }
    return (enum m2c_cpu_level)level;
}

enum m2c_cpu_level m2c_cpu_level(void)
{
    enum m2c_cpu_level level = detected_level();
    return level < level_cap ? level : level_cap;
}

static const char *const level_names[] = {
    [M2C_CPU_C] = "c", [M2C_CPU_AVX2] = "avx2", [M2C_CPU_AVX512] = "avx512"};

enum m2c_status m2c_cpu_cap_level(const char *name, struct m2c_error *err)
{
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        if (strcmp(name, level_names[level]) == 0) {
            level_cap = (enum m2c_cpu_level)level;
            return M2C_OK;
        }
    }
    return m2c_fail_field(err, M2C_USAGE, "cpu_level", "the level is one of c, avx2, avx512");
}

const char *m2c_cpu_level_name(enum m2c_cpu_level level)
{
    return level_names[level];
}

bool m2c_cpu_has_bf16(void)
{
#if defined(__x86_64__)
    return m2c_cpu_level() == M2C_CPU_AVX512 && __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool m2c_cpu_has_vnni(void)
{
#if defined(__x86_64__)
    return m2c_cpu_level() == M2C_CPU_AVX512 && __builtin_cpu_supports("avx512vnni");
#else
    return false;
#endif
}

/* Reads up to two numbers of a one-line cgroup file; returns how many were there. */
static int read_numbers(const char *path, long long numbers[2])
{
    char line[64];
    int count = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    const char *rest = fgets(line, sizeof line, file);
    (void)fclose(file);
    while (rest && count < 2) {
        char *end;
        numbers[count] = strtoll(rest, &end, 10);
        if (end == rest)
            break;
        rest = end;
        count++;
    }
    return count;
}

/* The cgroup's quota in cores, rounded up, or 0 when there is none. */
static int cgroup_quota_cores(void)
{
    long long quota[2];
    long long period[2];
    if (read_numbers("/sys/fs/cgroup/cpu.max", quota) == 2)
        period[0] = quota[1];
    else if (read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota) < 1 ||
             read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period) < 1)
        return 0;
    if (quota[0] <= 0 || period[0] <= 0)
        return 0;
    long long cores = (quota[0] - 1) / period[0] + 1;
    return cores < CPU_SETSIZE ? (int)cores : CPU_SETSIZE;
}

int m2c_cpu_count(void)
{
    cpu_set_t mask;
    int cores = sched_getaffinity(0, sizeof mask, &mask) == 0 ? CPU_COUNT(&mask) : 1;
    int quota = cgroup_quota_cores();
    if (quota > 0 && quota < cores)
        cores = quota;
    return cores > 0 ? cores : 1;
}

int m2c_cpu_list(int *cpus, int max)
{
    cpu_set_t mask;
    int count = 0;
    if (sched_getaffinity(0, sizeof mask, &mask) != 0)
        return 0;
    for (int cpu = 0; cpu < CPU_SETSIZE && count < max; cpu++)
        if (CPU_ISSET((size_t)cpu, &mask))
            cpus[count++] = cpu;
    return count;
}

static void confine(const int *cpus, int count)
{
    cpu_set_t mask;
    CPU_ZERO(&mask);
    for (int i = 0; i < count; i++)
        if (cpus[i] >= 0 && cpus[i] < CPU_SETSIZE)
            CPU_SET((size_t)cpus[i], &mask);
    (void)sched_setaffinity(0, sizeof mask, &mask);
}

void m2c_cpu_place_thread(const struct m2c_placement *placement)
{
    if (!placement)
        return;
    if (placement->cpu_count > 0)
        confine(placement->cpus, placement->cpu_count);
    /* On Linux priorities are a thread's own, and 0 is the calling one. */
    if (placement->nice > 0)
        (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + placement->nice);
}
