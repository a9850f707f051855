/* The harness of the kernel tests: every level this processor has against the C reference, the C
 * reference against double precision; arrays that end at an unreadable page, so that a kernel which
 * looks past their end dies; --bench times the same calls.
 *
 * One thread. Failures print kernel, level, size, index and both values, and end the test. */
#ifndef M2C_TESTS_KERNELS_CHECK_H
#define M2C_TESTS_KERNELS_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"

/* Lengths around the tiles of 8, 16, 32 and 64 floats (1, tile - 1, tile, tile + 1, 3 tiles + 5)
 * and those of real models (197 tokens, widths 384 to 3072). */
extern const size_t check_sizes[];
extern const size_t check_size_count;

/* |got - want| <= absolute + relative * |want| passes; NaN wants NaN, infinity wants itself. */
struct check_tolerance {
    double absolute, relative;
    const char *reason;
};

/* Where a comparison stands, for the message. */
struct check_site {
    const char *kernel;
    const char *values; /* what the input is like */
    enum m2c_cpu_level level;
    size_t size;
};

enum check_values {
    CHECK_NORMAL,  /* a normal distribution's look: mean 0, deviation about 1 */
    CHECK_HUGE,    /* up to 1e17 */
    CHECK_TINY,    /* down to 1e-20 */
    CHECK_NAN,     /* normal with some NaNs */
    CHECK_INF,     /* normal with some infinities of both signs */
    CHECK_OUTLIER, /* normal around 100 with one value of 1e4, as CLIP's channels are */
    CHECK_VALUES_COUNT
};

const char *check_values_name(enum check_values values);

/* Arrays of `count` elements whose last byte is the last before an unreadable page, filled with
 * check_gap(); 64 bytes in front must stay as they are. Borrowed until check_release. */
float *check_floats(size_t count);
uint16_t *check_halves(size_t count);
uint8_t *check_bytes(size_t count);
int32_t *check_ints(size_t count);
double *check_doubles(size_t count);

/* Frees all arrays above after looking at the bytes in front of each. Also a cmocka teardown. */
int check_release(void **state);

/* The value of floats that no kernel should read or write: a NaN of an unlikely payload. */
float check_gap(void);

/* Pseudo-random numbers, the same in every run. */
void check_seed(uint32_t seed);
float check_uniform(float least, float most);
void check_fill(float *x, size_t rows, size_t width, size_t ld, enum check_values values);

/* x: [rows, width] at distance ld against want: [rows, width] dense; what lies between rows must be
 * check_gap(). */
void check_close(const struct check_site *site, const float *x, size_t ld, const double *want,
                 size_t rows, size_t width, const struct check_tolerance *tolerance);

/* want <- x, so that the twins are measured against what C gave. */
void check_adopt(double *want, const float *x, size_t ld, size_t rows, size_t width);

/* Whether the program is to time kernels instead of testing them. */
bool check_wants_bench(int argc, char **argv);

/* Times `call` at every level and prints nanoseconds per element. */
void check_bench(const char *kernel, size_t elements,
                 void (*call)(const struct m2c_kernels *kernels, void *argument), void *argument);

#endif
