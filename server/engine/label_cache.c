#include "server/engine/label_cache.h"

#include <stdlib.h>
#include <string.h>

#include "server/engine/keyed_hash.h"

enum { FIRST_BUCKETS = 1024 };

struct srv_label_entry {
    struct srv_label_entry *chain;         /* of the bucket */
    struct srv_label_entry *newer, *older; /* by last use */
    uint64_t hash;
    unsigned holders; /* the table counts as one */
    size_t bytes, key_size;
    const char *key; /* behind the vector */
    float vector[];
};

struct srv_label_cache {
    struct srv_label_entry **buckets;
    size_t bucket_count; /* a power of two */
    struct srv_label_entry *newest, *oldest;
    size_t max_bytes;
    struct srv_hash_key hash_key;
    struct srv_label_cache_counts counts;
    char *key; /* the key being looked up, flat */
    size_t key_capacity;
};

enum m2c_status srv_label_cache_new(size_t max_bytes, struct srv_label_cache **out,
                                    struct m2c_error *err)
{
    struct srv_label_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return m2c_fail_memory(err, "the label cache", sizeof *cache);
    cache->max_bytes = max_bytes;
    cache->bucket_count = FIRST_BUCKETS;
    cache->hash_key = srv_hash_key_random();
    cache->buckets = calloc(FIRST_BUCKETS, sizeof(struct srv_label_entry *));
    if (!cache->buckets) {
        free(cache);
        return m2c_fail_memory(err, "the label cache", FIRST_BUCKETS * sizeof(void *));
    }
    *out = cache;
    return M2C_OK;
}

void srv_label_entry_release(struct srv_label_entry *entry)
{
    if (--entry->holders == 0)
        free(entry);
}

const float *srv_label_entry_vector(const struct srv_label_entry *entry)
{
    return entry->vector;
}

static struct srv_label_entry **bucket_of(struct srv_label_cache *cache, uint64_t hash)
{
    return &cache->buckets[hash & (cache->bucket_count - 1)];
}

static void unlink_use(struct srv_label_cache *cache, struct srv_label_entry *entry)
{
    if (entry->newer)
        entry->newer->older = entry->older;
    else
        cache->newest = entry->older;
    if (entry->older)
        entry->older->newer = entry->newer;
    else
        cache->oldest = entry->newer;
}

static void link_newest(struct srv_label_cache *cache, struct srv_label_entry *entry)
{
    entry->newer = NULL;
    entry->older = cache->newest;
    if (entry->older)
        entry->older->newer = entry;
    else
        cache->oldest = entry;
    cache->newest = entry;
}

static void evict_oldest(struct srv_label_cache *cache)
{
    struct srv_label_entry *entry = cache->oldest;
    struct srv_label_entry **link = bucket_of(cache, entry->hash);
    while (*link != entry)
        link = &(*link)->chain;
    *link = entry->chain;
    unlink_use(cache, entry);
    cache->counts.entries--;
    cache->counts.bytes -= entry->bytes;
    srv_label_entry_release(entry);
}

void srv_label_cache_free(struct srv_label_cache **cache)
{
    if (!*cache)
        return;
    while ((*cache)->oldest)
        evict_oldest(*cache);
    free((*cache)->buckets);
    free((*cache)->key);
    free(*cache);
    *cache = NULL;
}

/* Version, template and text in one piece: the NULs between keep "a" + "bc" from "ab" + "c", and a
 * first byte tells a missing template from an empty one, and truncation. 0 without memory. */
static size_t flatten(struct srv_label_cache *cache, const struct srv_label_key *key)
{
    size_t version = strlen(key->version) + 1;
    size_t template_size = key->template_text ? strlen(key->template_text) + 1 : 0;
    size_t text = strlen(key->text);
    size_t size = 1 + version + template_size + text;
    if (size > cache->key_capacity) {
        char *grown = realloc(cache->key, size * 2);
        if (!grown)
            return 0;
        cache->key = grown;
        cache->key_capacity = size * 2;
    }
    char *write = cache->key;
    *write++ = (char)((key->template_text ? 't' : 'v') - (key->truncate ? 'a' - 'A' : 0));
    memcpy(write, key->version, version);
    if (key->template_text)
        memcpy(write + version, key->template_text, template_size);
    memcpy(write + version + template_size, key->text, text);
    return size;
}

static struct srv_label_entry *look_up(struct srv_label_cache *cache, uint64_t hash,
                                       size_t key_size)
{
    struct srv_label_entry *entry = *bucket_of(cache, hash);
    while (entry && (entry->hash != hash || entry->key_size != key_size ||
                     memcmp(entry->key, cache->key, key_size) != 0))
        entry = entry->chain;
    return entry;
}

struct srv_label_entry *srv_label_cache_find(struct srv_label_cache *cache,
                                             const struct srv_label_key *key)
{
    size_t key_size = flatten(cache, key);
    struct srv_label_entry *entry = NULL;
    if (key_size > 0)
        entry = look_up(cache, srv_keyed_hash(&cache->hash_key, cache->key, key_size), key_size);
    if (!entry) {
        cache->counts.misses++;
        return NULL;
    }
    cache->counts.hits++;
    unlink_use(cache, entry);
    link_newest(cache, entry);
    entry->holders++;
    return entry;
}

static void grow_buckets(struct srv_label_cache *cache)
{
    size_t count = cache->bucket_count * 2;
    struct srv_label_entry **buckets = calloc(count, sizeof(struct srv_label_entry *));
    if (!buckets)
        return; /* longer chains, the same answers */
    free(cache->buckets);
    cache->buckets = buckets;
    cache->bucket_count = count;
    for (struct srv_label_entry *entry = cache->newest; entry; entry = entry->older) {
        struct srv_label_entry **bucket = bucket_of(cache, entry->hash);
        entry->chain = *bucket;
        *bucket = entry;
    }
}

static struct srv_label_entry *entry_new(const struct srv_label_cache *cache, size_t key_size,
                                         const float *vector, size_t dim)
{
    size_t vector_bytes = dim * sizeof(float);
    size_t bytes = sizeof(struct srv_label_entry) + vector_bytes + key_size;
    struct srv_label_entry *entry = bytes <= cache->max_bytes ? malloc(bytes) : NULL;
    if (!entry)
        return NULL;
    char *key = (char *)entry->vector + vector_bytes;
    memcpy(entry->vector, vector, vector_bytes);
    memcpy(key, cache->key, key_size);
    entry->key = key;
    entry->key_size = key_size;
    entry->bytes = bytes;
    entry->holders = 1;
    return entry;
}

void srv_label_cache_put(struct srv_label_cache *cache, const struct srv_label_key *key,
                         const float *vector, size_t dim)
{
    size_t key_size = flatten(cache, key);
    uint64_t hash = key_size > 0 ? srv_keyed_hash(&cache->hash_key, cache->key, key_size) : 0;
    if (key_size == 0 || look_up(cache, hash, key_size))
        return;
    struct srv_label_entry *entry = entry_new(cache, key_size, vector, dim);
    if (!entry)
        return;
    while (cache->counts.bytes + entry->bytes > cache->max_bytes) {
        evict_oldest(cache);
        cache->counts.evictions++;
    }
    if (cache->counts.entries >= cache->bucket_count)
        grow_buckets(cache);
    entry->hash = hash;
    entry->chain = *bucket_of(cache, hash);
    *bucket_of(cache, hash) = entry;
    link_newest(cache, entry);
    cache->counts.entries++;
    cache->counts.bytes += entry->bytes;
}

struct srv_label_cache_counts srv_label_cache_counts(const struct srv_label_cache *cache)
{
    return cache->counts;
}
