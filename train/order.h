/* The order that a pass over the data takes its items in. */
#ifndef TRN_ORDER_H
#define TRN_ORDER_H

#include <stddef.h>
#include <stdint.h>

/* order <- a permutation of 0..count-1 that depends on the seed and on the pass alone, so that a
 * resumed run meets the same items. */
void trn_epoch_order(uint64_t seed, uint64_t epoch, size_t *order, size_t count);

/* A number that belongs to (seed, epoch, item): what an item's crop, its masked words and its
 * dropout are drawn from, whoever draws them and when. */
uint64_t trn_item_seed(uint64_t seed, uint64_t epoch, size_t item);

#endif
