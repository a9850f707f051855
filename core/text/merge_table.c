#include "text/merge_table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 4096 };

void m2c_merge_table_free(struct m2c_merge_table *table)
{
    free(table->slots);
    memset(table, 0, sizeof *table);
}

/* Multiplicative hashing: the upper bits of the product depend on all of the pair. */
static size_t first_slot(int32_t left, int32_t right, size_t slot_count)
{
    uint64_t pair = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    uint64_t mixed = pair * 0x9E3779B97F4A7C15U;
    return (size_t)((mixed ^ mixed >> 32) & (slot_count - 1));
}

static struct m2c_merge *slot_of(struct m2c_merge *slots, size_t slot_count, int32_t left,
                                 int32_t right)
{
    size_t slot = first_slot(left, right, slot_count);
    while (slots[slot].result >= 0 && (slots[slot].left != left || slots[slot].right != right))
        slot = (slot + 1) & (slot_count - 1);
    return &slots[slot];
}

static bool grow(struct m2c_merge_table *table)
{
    size_t slot_count = table->slot_count == 0 ? FIRST_SLOTS : table->slot_count * 2;
    struct m2c_merge *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    for (size_t i = 0; i < slot_count; ++i)
        slots[i].result = -1;
    for (size_t i = 0; i < table->slot_count; ++i) {
        const struct m2c_merge *merge = &table->slots[i];
        if (merge->result >= 0)
            *slot_of(slots, slot_count, merge->left, merge->right) = *merge;
    }
    free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    return true;
}

enum m2c_status m2c_merge_table_put(struct m2c_merge_table *table, struct m2c_merge merge,
                                    struct m2c_error *err)
{
    if ((table->count + 1) * 2 > table->slot_count && !grow(table))
        return m2c_fail_memory(err, "merges", table->slot_count * 2 * sizeof merge);
    struct m2c_merge *slot = slot_of(table->slots, table->slot_count, merge.left, merge.right);
    if (slot->result < 0)
        ++table->count;
    *slot = merge;
    return M2C_OK;
}

const struct m2c_merge *m2c_merge_table_find(const struct m2c_merge_table *table, int32_t left,
                                             int32_t right)
{
    if (table->slot_count == 0)
        return NULL;
    size_t slot = first_slot(left, right, table->slot_count);
    for (; table->slots[slot].result >= 0; slot = (slot + 1) & (table->slot_count - 1)) {
        const struct m2c_merge *merge = &table->slots[slot];
        if (merge->left == left && merge->right == right)
            return merge;
    }
    return NULL;
}
