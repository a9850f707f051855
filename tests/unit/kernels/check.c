#include "check.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "runtime/clock.h"

const size_t check_sizes[] = {1,  2,  7,  8,  9,   15,  16,  17,  29,  31,  32,  33,  53,
                              63, 64, 65, 77, 101, 127, 128, 129, 197, 384, 512, 768, 3072};
const size_t check_size_count = sizeof check_sizes / sizeof check_sizes[0];

enum { FRONT_BYTES = 64, FRONT_BYTE = 0xA5, ARRAYS_MAX = 256 };

static const uint32_t GAP_BITS = 0x7FC0DEADU;

struct array {
    unsigned char *mapping, *begin;
    size_t mapping_bytes;
};

static struct array arrays[ARRAYS_MAX];
static size_t array_count;

static const char *const values_names[CHECK_VALUES_COUNT] = {"normal", "huge", "tiny",
                                                             "nan",    "inf",  "outlier"};

const char *check_values_name(enum check_values values)
{
    return values_names[values];
}

static void *new_array(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t pages = (bytes + FRONT_BYTES + page - 1) / page + 1;
    assert_true(array_count < ARRAYS_MAX);
    struct array *array = &arrays[array_count];
    void *mapping =
        mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    array->mapping = mapping;
    array->mapping_bytes = pages * page;
    array_count++;
    unsigned char *end = array->mapping + (pages - 1) * page;
    assert_int_equal(mprotect(end, page, PROT_NONE), 0);
    array->begin = end - bytes;
    memset(array->begin - FRONT_BYTES, FRONT_BYTE, FRONT_BYTES);
    return array->begin;
}

float check_gap(void)
{
    const uint32_t bits = GAP_BITS;
    float gap;
    memcpy(&gap, &bits, sizeof gap);
    return gap;
}

float *check_floats(size_t count)
{
    float *x = new_array(count * sizeof *x);
    for (size_t i = 0; i < count; i++)
        x[i] = check_gap();
    return x;
}

uint16_t *check_halves(size_t count)
{
    return new_array(count * sizeof(uint16_t));
}

uint8_t *check_bytes(size_t count)
{
    return new_array(count);
}

int32_t *check_ints(size_t count)
{
    return new_array(count * sizeof(int32_t));
}

double *check_doubles(size_t count)
{
    return new_array(count * sizeof(double));
}

int check_release(void **state)
{
    (void)state;
    bool intact = true;
    while (array_count > 0) {
        struct array *array = &arrays[--array_count];
        for (size_t i = 1; i <= FRONT_BYTES; i++)
            intact = intact && array->begin[-(ptrdiff_t)i] == FRONT_BYTE;
        (void)munmap(array->mapping, array->mapping_bytes);
    }
    if (!intact)
        fail_msg("a kernel wrote in front of an array");
    return 0;
}

static uint32_t random_state = 1;

void check_seed(uint32_t seed)
{
    random_state = seed * 2654435761U + 1U;
}

/* Marsaglia's xorshift32. */
static uint32_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

float check_uniform(float least, float most)
{
    return least + (most - least) * ((float)(next_random() >> 8) / 16777216.0F);
}

/* The sum of three uniform numbers: deviation 1, reach 3. */
static float near_normal(void)
{
    return check_uniform(-1.0F, 1.0F) + check_uniform(-1.0F, 1.0F) + check_uniform(-1.0F, 1.0F);
}

static float value_of(enum check_values values, size_t i)
{
    float normal = near_normal();
    switch (values) {
    case CHECK_HUGE:
        return normal * 3e16F;
    case CHECK_TINY:
        return normal * 1e-20F;
    case CHECK_NAN:
        return next_random() % 50 == 0 ? NAN : normal;
    case CHECK_INF:
        return next_random() % 50 != 0 ? normal : next_random() % 2 ? INFINITY : -INFINITY;
    case CHECK_OUTLIER:
        return i == 0 ? 1e4F : 100.0F + normal;
    case CHECK_NORMAL:
    case CHECK_VALUES_COUNT:
        break;
    }
    return normal;
}

void check_fill(float *x, size_t rows, size_t width, size_t ld, enum check_values values)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            x[row * ld + i] = value_of(values, i);
}

static bool is_close(double got, double want, const struct check_tolerance *tolerance)
{
    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got))
        return want == got;
    return fabs(got - want) <= tolerance->absolute + tolerance->relative * fabs(want);
}

static bool is_gap(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == GAP_BITS;
}

void check_close(const struct check_site *site, const float *x, size_t ld, const double *want,
                 size_t rows, size_t width, const struct check_tolerance *tolerance)
{
    for (size_t row = 0; row < rows; row++) {
        for (size_t i = 0; i < width; i++) {
            double got = (double)x[row * ld + i];
            if (!is_close(got, want[row * width + i], tolerance))
                fail_msg("%s, %s, size %zu, %s values: row %zu, index %zu is %.9g, not %.9g "
                         "(within %.1e + %.1e relative: %s)",
                         site->kernel, m2c_cpu_level_name(site->level), site->size, site->values,
                         row, i, got, want[row * width + i], tolerance->absolute,
                         tolerance->relative, tolerance->reason);
        }
        for (size_t i = width; row + 1 < rows && i < ld; i++)
            if (!is_gap(x[row * ld + i]))
                fail_msg("%s, %s, size %zu: wrote between rows, at row %zu, index %zu",
                         site->kernel, m2c_cpu_level_name(site->level), site->size, row, i);
    }
}

void check_adopt(double *want, const float *x, size_t ld, size_t rows, size_t width)
{
    for (size_t row = 0; row < rows; row++)
        for (size_t i = 0; i < width; i++)
            want[row * width + i] = (double)x[row * ld + i];
}

bool check_wants_bench(int argc, char **argv)
{
    return argc == 2 && strcmp(argv[1], "--bench") == 0;
}

/* The best of several runs of about five milliseconds. */
static double best_ms(const struct m2c_kernels *kernels,
                      void (*call)(const struct m2c_kernels *kernels, void *argument),
                      void *argument)
{
    double best = INFINITY;
    for (int run = 0; run < 5; run++) {
        int calls = 0;
        double begin = m2c_clock_ms();
        double spent = 0;
        while (spent < 5) {
            call(kernels, argument);
            calls++;
            spent = m2c_clock_ms() - begin;
        }
        best = fmin(best, spent / calls);
    }
    return best;
}

void check_bench(const char *kernel, size_t elements,
                 void (*call)(const struct m2c_kernels *kernels, void *argument), void *argument)
{
    for (int level = M2C_CPU_C; level <= M2C_CPU_AVX512; level++) {
        const struct m2c_kernels *kernels = m2c_kernels_at((enum m2c_cpu_level)level);
        if (!kernels)
            continue;
        double best = best_ms(kernels, call, argument);
        printf("%-24s %-7s %8.3f ns/element  (%.1f us a call)\n", kernel,
               m2c_cpu_level_name((enum m2c_cpu_level)level), best * 1e6 / (double)elements,
               best * 1e3);
    }
}
