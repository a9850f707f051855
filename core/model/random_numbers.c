#include "model/random_numbers.h"

#include <math.h>

/* Where the tail begins, and the area of each layer, for 128 layers. */
#define TAIL_EDGE 3.442619855899
#define LAYER_AREA 9.91256303526217e-3

static uint64_t rotate_left(uint64_t x, unsigned k)
{
    return x << k | x >> (64 - k);
}

static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

void m2c_random_start(struct m2c_random *random, uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a of the name */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * 0x100000001b3U;
    uint64_t state = split_mix(&seed) ^ hash;
    for (unsigned i = 0; i < 4; i++)
        random->state[i] = split_mix(&state);
}

uint64_t m2c_random_bits(struct m2c_random *random)
{
    uint64_t *s = random->state;
    uint64_t result = rotate_left(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* 0 < u < 1, 53 bits. */
static double uniform(struct m2c_random *random)
{
    return ((double)(m2c_random_bits(random) >> 11) + 0.5) * 0x1p-53;
}

void m2c_ziggurat_init(struct m2c_ziggurat *ziggurat)
{
    double *edge = ziggurat->edge;
    double density = exp(-0.5 * TAIL_EDGE * TAIL_EDGE);
    edge[0] = LAYER_AREA / density; /* the base layer as if it were a box */
    edge[1] = TAIL_EDGE;
    for (int i = 2; i < M2C_ZIGGURAT_LAYERS; i++) {
        density += LAYER_AREA / edge[i - 1];
        edge[i] = sqrt(-2.0 * log(density));
    }
    edge[M2C_ZIGGURAT_LAYERS] = 0.0;
    for (int i = 0; i < M2C_ZIGGURAT_LAYERS; i++)
        ziggurat->ratio[i] = edge[i + 1] / edge[i];
}

/* Beyond TAIL_EDGE, by two exponential deviates (Marsaglia 1964). */
static double tail(struct m2c_random *random)
{
    double x, y;
    do {
        x = -log(uniform(random)) / TAIL_EDGE;
        y = -log(uniform(random));
    } while (y + y < x * x);
    return TAIL_EDGE + x;
}

double m2c_random_normal(struct m2c_random *random, const struct m2c_ziggurat *ziggurat)
{
    for (;;) {
        uint64_t bits = m2c_random_bits(random);
        unsigned layer = bits & (M2C_ZIGGURAT_LAYERS - 1);
        double u = (double)((int64_t)bits >> 11) * 0x1p-52; /* -1 <= u < 1 */
        double x = u * ziggurat->edge[layer];
        if (fabs(u) < ziggurat->ratio[layer])
            return x;
        if (layer == 0)
            return u < 0.0 ? -tail(random) : tail(random);
        double above = ziggurat->edge[layer + 1], below = ziggurat->edge[layer];
        double low = exp(-0.5 * (below * below - x * x));
        double high = exp(-0.5 * (above * above - x * x));
        if (low + uniform(random) * (high - low) < 1.0)
            return x;
    }
}
