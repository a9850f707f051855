/* Cuts a step's working memory. The same cutting code runs twice: on no memory at all it counts the
 * floats, on an arena of that size it hands them out. So size and map cannot differ. */
#ifndef TRN_CARVER_H
#define TRN_CARVER_H

#include <stddef.h>

struct trn_carver {
    float *base; /* NULL: count only */
    size_t used; /* floats */
    size_t peak; /* the most that was ever used */
};

enum { TRN_CARVER_ALIGN = 16 }; /* floats of a cache line */

/* `count` floats that begin a cache line, borrowed from the arena; NULL when counting or when count
 * is 0. */
static inline float *trn_carve(struct trn_carver *carver, size_t count)
{
    float *floats = carver->base && count > 0 ? carver->base + carver->used : NULL;
    carver->used += (count + TRN_CARVER_ALIGN - 1) / TRN_CARVER_ALIGN * TRN_CARVER_ALIGN;
    if (carver->used > carver->peak)
        carver->peak = carver->used;
    return floats;
}

/* The same for row numbers. */
static inline size_t *trn_carve_sizes(struct trn_carver *carver, size_t count)
{
    size_t floats = (count * sizeof(size_t) + sizeof(float) - 1) / sizeof(float);
    return (size_t *)(void *)trn_carve(carver, floats);
}

/* Takes back what was cut since `mark` (an earlier value of `used`): the next cut shares it. */
static inline void trn_carver_rewind(struct trn_carver *carver, size_t mark)
{
    carver->used = mark;
}

#endif
