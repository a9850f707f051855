/* Byte-pair merging of one piece, in CLIP's order: the merge of lowest rank first, at all its
 * places from left to right, then the next.
 *
 * A heap of (rank, place) finds it, so that a piece of n bytes takes n log n steps; CLIP's own loop
 * takes n^2. */
#ifndef M2C_TEXT_BYTE_PAIR_H
#define M2C_TEXT_BYTE_PAIR_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "text/vocabulary.h"

struct m2c_heap_entry {
    int32_t rank;
    int32_t place;
};

/* Working memory of one encode; grows to the longest piece. */
struct m2c_byte_pair_room {
    size_t capacity;                 /* bytes of a piece */
    void *block;                     /* all of the rows below */
    const struct m2c_merge **merges; /* [capacity] of each place with its next, NULL for none */
    struct m2c_heap_entry *heap;     /* [3 * capacity] */
    int32_t *symbols;                /* [capacity] */
    int32_t *next;                   /* [capacity] the place that follows, -1 at the end */
    int32_t *previous;               /* [capacity] */
    int32_t *changed;                /* [capacity] */
    uint8_t *bytes;                  /* [capacity] the piece */
    size_t heap_count;
};

/* Makes room for pieces of `capacity` bytes; what was there is lost. The caller frees. */
M2C_MUST_USE enum m2c_status m2c_byte_pair_reserve(struct m2c_byte_pair_room *room, size_t capacity,
                                                   struct m2c_error *err);

/* Safe on a zeroed room. */
void m2c_byte_pair_free(struct m2c_byte_pair_room *room);

/* Merges the `count` (> 0) bytes in room->bytes; leaves ids in room->symbols and returns how many
 * they are. */
size_t m2c_byte_pair_merge(const struct m2c_vocabulary *vocabulary, struct m2c_byte_pair_room *room,
                           size_t count);

#endif
