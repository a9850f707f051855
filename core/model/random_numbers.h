/* Seeded random numbers: the same on every machine.
 *
 * xoshiro256++ (Blackman and Vigna 2019), seeded through splitmix64 from a number and a name, so
 * that each tensor has a stream of its own, whatever is drawn before it. Normal deviates by the
 * ziggurat (Marsaglia and Tsang 2000, in Doornik's form with 128 layers).
 */
#ifndef M2C_MODEL_RANDOM_NUMBERS_H
#define M2C_MODEL_RANDOM_NUMBERS_H

#include <stddef.h>
#include <stdint.h>

struct m2c_random {
    uint64_t state[4];
};

/* Starts the stream of (seed, name). */
void m2c_random_start(struct m2c_random *random, uint64_t seed, const char *name);

/* 64 uniform bits. */
uint64_t m2c_random_bits(struct m2c_random *random);

enum { M2C_ZIGGURAT_LAYERS = 128 };

/* Layer edges, computed once (m2c_ziggurat_init) and read by any thread. */
struct m2c_ziggurat {
    double edge[M2C_ZIGGURAT_LAYERS + 1];
    double ratio[M2C_ZIGGURAT_LAYERS]; /* edge[i + 1] / edge[i] */
};

void m2c_ziggurat_init(struct m2c_ziggurat *ziggurat);

/* A deviate of mean 0 and variance 1. */
double m2c_random_normal(struct m2c_random *random, const struct m2c_ziggurat *ziggurat);

#endif
