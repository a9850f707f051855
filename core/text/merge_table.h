/* Merges by the pair of ids that they join: the encoder's one look-up. */
#ifndef M2C_TEXT_MERGE_TABLE_H
#define M2C_TEXT_MERGE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct m2c_merge {
    int32_t left, right;
    int32_t rank;   /* lower is sooner */
    int32_t result; /* -1 marks a free slot */
};

struct m2c_merge_table {
    struct m2c_merge *slots; /* open addressing, a power of two */
    size_t slot_count;
    size_t count;
};

/* Frees the table and zeroes the struct; safe on a zeroed one, which is an empty table. */
void m2c_merge_table_free(struct m2c_merge_table *table);

/* Adds `merge`; a pair that is there already takes the new rank and result, as in the dictionary of
 * CLIP's own code. */
M2C_MUST_USE enum m2c_status m2c_merge_table_put(struct m2c_merge_table *table,
                                                 struct m2c_merge merge, struct m2c_error *err);

/* The merge of (left, right), NULL when there is none. Any thread while nobody puts. */
const struct m2c_merge *m2c_merge_table_find(const struct m2c_merge_table *table, int32_t left,
                                             int32_t right);

#endif
