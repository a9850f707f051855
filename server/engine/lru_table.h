/* A hash table of what is worth keeping, bounded in bytes, least recently used first out: the
 * ground under the caches of labels, label matrices and videos.
 *
 * Entries are embedded in what is kept and owned by whoever inserts them. An entry is listed (found
 * by its key) and, once it counts, ranked (in the order of use, its bytes under the bound). Keys
 * are hashed with a secret, so that strangers cannot make chains long. One thread, no lock.
 */
#ifndef SRV_ENGINE_LRU_TABLE_H
#define SRV_ENGINE_LRU_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/engine/keyed_hash.h"
#include "status.h"

struct srv_lru_entry {
    /* The owner's: set before insertion, unchanged while listed. */
    const void *key;
    size_t key_size;
    size_t group_size; /* the first bytes of the key, which alone are hashed: entries that share
                          them can be walked over */
    size_t bytes;      /* that it counts as; may be set until it is ranked */

    /* The table's. */
    struct srv_lru_entry *chain;         /* of the bucket */
    struct srv_lru_entry *newer, *older; /* by last use */
    uint64_t hash;
    bool listed, ranked;
};

struct srv_lru_table {
    struct srv_lru_entry **buckets;
    size_t bucket_count; /* a power of two */
    struct srv_lru_entry *newest, *oldest;
    struct srv_hash_key hash_key;
    size_t max_bytes;
    size_t listed, ranked, bytes;
    uint64_t evictions;

    /* Told of an entry that the table has let go for want of room; it is not listed any more. */
    void (*evicted)(struct srv_lru_entry *entry);
};

/* Opens a table of at most `max_bytes`. */
M2C_MUST_USE enum m2c_status srv_lru_table_init(struct srv_lru_table *table, size_t max_bytes,
                                                void (*evicted)(struct srv_lru_entry *entry),
                                                struct m2c_error *err);

/* Lets go of every entry, ranked or not, through `evicted`, without counting evictions. Safe on a
 * zeroed table. */
void srv_lru_table_destroy(struct srv_lru_table *table);

/* The entry of a key, or NULL. Does not count as use. */
struct srv_lru_entry *srv_lru_table_find(const struct srv_lru_table *table, const void *key,
                                         size_t key_size, size_t group_size);

/* Walks the entries of a group in no order: the first, and the one after `entry`; NULL at the end.
 * Nothing may be listed or let go meanwhile, but for an entry already walked past. */
struct srv_lru_entry *srv_lru_table_group(const struct srv_lru_table *table, const void *group,
                                          size_t group_size);
struct srv_lru_entry *srv_lru_table_group_next(const struct srv_lru_entry *entry);

/* Lists an entry, not yet ranked; its key must not be listed. */
void srv_lru_table_list(struct srv_lru_table *table, struct srv_lru_entry *entry);

/* Ranks a listed entry as the newest and lets older ones go until all fit. False, and the entry is
 * let go without `evicted`, where it alone exceeds the bound. */
bool srv_lru_table_rank(struct srv_lru_table *table, struct srv_lru_entry *entry);

/* A ranked entry was used; others are left alone. */
void srv_lru_table_touch(struct srv_lru_table *table, struct srv_lru_entry *entry);

/* Lets go of a listed entry without telling `evicted`. */
void srv_lru_table_remove(struct srv_lru_table *table, struct srv_lru_entry *entry);

#endif
