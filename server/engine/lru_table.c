#include "server/engine/lru_table.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BUCKETS = 256 };

enum m2c_status srv_lru_table_init(struct srv_lru_table *table, size_t max_bytes,
                                   void (*evicted)(struct srv_lru_entry *entry),
                                   struct m2c_error *err)
{
    *table = (struct srv_lru_table){
        .bucket_count = FIRST_BUCKETS,
        .hash_key = srv_hash_key_random(),
        .max_bytes = max_bytes,
        .evicted = evicted,
    };
    table->buckets = calloc(FIRST_BUCKETS, sizeof(struct srv_lru_entry *));
    if (!table->buckets)
        return m2c_fail_memory(err, "a cache", FIRST_BUCKETS * sizeof(void *));
    return M2C_OK;
}

void srv_lru_table_destroy(struct srv_lru_table *table)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        while (table->buckets[i]) {
            struct srv_lru_entry *entry = table->buckets[i];
            srv_lru_table_remove(table, entry);
            table->evicted(entry);
        }
    }
    free(table->buckets);
    *table = (struct srv_lru_table){0};
}

static struct srv_lru_entry **bucket_of(const struct srv_lru_table *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static bool is_of_group(const struct srv_lru_entry *entry, uint64_t hash, const void *group,
                        size_t group_size)
{
    return entry->hash == hash && entry->group_size == group_size &&
           memcmp(entry->key, group, group_size) == 0;
}

struct srv_lru_entry *srv_lru_table_find(const struct srv_lru_table *table, const void *key,
                                         size_t key_size, size_t group_size)
{
    uint64_t hash = srv_keyed_hash(&table->hash_key, key, group_size);
    struct srv_lru_entry *entry = *bucket_of(table, hash);
    while (entry && (entry->hash != hash || entry->key_size != key_size ||
                     entry->group_size != group_size || memcmp(entry->key, key, key_size) != 0))
        entry = entry->chain;
    return entry;
}

struct srv_lru_entry *srv_lru_table_group(const struct srv_lru_table *table, const void *group,
                                          size_t group_size)
{
    uint64_t hash = srv_keyed_hash(&table->hash_key, group, group_size);
    struct srv_lru_entry *entry = *bucket_of(table, hash);
    while (entry && !is_of_group(entry, hash, group, group_size))
        entry = entry->chain;
    return entry;
}

struct srv_lru_entry *srv_lru_table_group_next(const struct srv_lru_entry *entry)
{
    struct srv_lru_entry *next = entry->chain;
    while (next && !is_of_group(next, entry->hash, entry->key, entry->group_size))
        next = next->chain;
    return next;
}

static void grow_buckets(struct srv_lru_table *table)
{
    size_t old_count = table->bucket_count;
    struct srv_lru_entry **old = table->buckets;
    struct srv_lru_entry **buckets = calloc(old_count * 2, sizeof(struct srv_lru_entry *));
    if (!buckets)
        return; /* longer chains, the same answers */
    table->buckets = buckets;
    table->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        while (old[i]) {
            struct srv_lru_entry *entry = old[i];
            struct srv_lru_entry **bucket = bucket_of(table, entry->hash);
            old[i] = entry->chain;
            entry->chain = *bucket;
            *bucket = entry;
        }
    }
    free(old);
}

void srv_lru_table_list(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    if (table->listed >= table->bucket_count)
        grow_buckets(table);
    entry->hash = srv_keyed_hash(&table->hash_key, entry->key, entry->group_size);
    struct srv_lru_entry **bucket = bucket_of(table, entry->hash);
    entry->chain = *bucket;
    *bucket = entry;
    entry->listed = true;
    entry->ranked = false;
    table->listed++;
}

static void unlink_use(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        table->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        table->oldest = entry->newer;
}

static void link_newest(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    entry->newer = NULL;
    entry->older = table->newest;
    if (entry->older)
        entry->older->newer = entry;
    else
        table->oldest = entry;
    table->newest = entry;
}

void srv_lru_table_remove(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    struct srv_lru_entry **link = bucket_of(table, entry->hash);
    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    entry->listed = false;
    table->listed--;
    if (!entry->ranked)
        return;
    unlink_use(table, entry);
    entry->ranked = false;
    table->ranked--;
    table->bytes -= entry->bytes;
}

bool srv_lru_table_rank(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    if (entry->bytes > table->max_bytes) {
        srv_lru_table_remove(table, entry);
        return false;
    }
    while (table->bytes + entry->bytes > table->max_bytes) {
        struct srv_lru_entry *oldest = table->oldest;
        srv_lru_table_remove(table, oldest);
        table->evictions++;
        table->evicted(oldest);
    }
    link_newest(table, entry);
    entry->ranked = true;
    table->ranked++;
    table->bytes += entry->bytes;
    return true;
}

void srv_lru_table_touch(struct srv_lru_table *table, struct srv_lru_entry *entry)
{
    unlink_use(table, entry);
    link_newest(table, entry);
}
