#include "train/order.h"

#include <stdio.h>

#include "model/random_numbers.h"

enum { NAME_BYTES = 64 };

/* A number below `bound`, each as likely: what would make the first ones likelier is drawn again.
 */
static size_t draw_below(struct m2c_random *random, size_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t bits = m2c_random_bits(random);
    while (bits >= limit)
        bits = m2c_random_bits(random);
    return (size_t)(bits % bound);
}

void trn_epoch_order(uint64_t seed, uint64_t epoch, size_t *order, size_t count)
{
    struct m2c_random random;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "order %llu", (unsigned long long)epoch);
    m2c_random_start(&random, seed, name);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t left = count; left > 1; left--) {
        size_t chosen = draw_below(&random, left);
        size_t item = order[chosen];
        order[chosen] = order[left - 1];
        order[left - 1] = item;
    }
}

uint64_t trn_item_seed(uint64_t seed, uint64_t epoch, size_t item)
{
    struct m2c_random random;
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "item %llu %zu", (unsigned long long)epoch, item);
    m2c_random_start(&random, seed, name);
    return m2c_random_bits(&random);
}
