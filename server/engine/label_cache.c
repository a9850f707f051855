#include "server/engine/label_cache.h"

#include <stdlib.h>
#include <string.h>

#include "server/container.h"
#include "server/engine/lru_table.h"

struct srv_label_entry {
    struct srv_lru_entry place;
    unsigned holders; /* the table counts as one */
    bool ready;
    struct srv_label_waiter *waiters, *last_waiter;
    size_t dim;
    float vector[]; /* [dim], the key behind it */
};

struct srv_label_cache {
    struct srv_lru_table table;
    struct srv_label_cache_counts counts;
    char *key; /* the key being looked up, flat */
    size_t key_capacity;
};

static struct srv_label_entry *entry_at(struct srv_lru_entry *place)
{
    return SRV_CONTAINER(place, struct srv_label_entry, place);
}

void srv_label_entry_release(struct srv_label_entry *entry)
{
    if (--entry->holders == 0)
        free(entry);
}

static void on_evicted(struct srv_lru_entry *place)
{
    srv_label_entry_release(entry_at(place));
}

enum m2c_status srv_label_cache_new(size_t max_bytes, struct srv_label_cache **out,
                                    struct m2c_error *err)
{
    struct srv_label_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return m2c_fail_memory(err, "the label cache", sizeof *cache);
    enum m2c_status status = srv_lru_table_init(&cache->table, max_bytes, on_evicted, err);
    if (status != M2C_OK) {
        free(cache);
        cache = NULL;
    }
    *out = cache;
    return status;
}

void srv_label_cache_free(struct srv_label_cache **cache)
{
    if (!*cache)
        return;
    srv_lru_table_destroy(&(*cache)->table);
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

/* A listed entry without a vector, held by the table and the caller. NULL without memory. */
static struct srv_label_entry *entry_new(struct srv_label_cache *cache, const void *key,
                                         size_t key_size, size_t dim)
{
    size_t vector_bytes = dim * sizeof(float);
    size_t bytes = sizeof(struct srv_label_entry) + vector_bytes + key_size;
    struct srv_label_entry *entry = malloc(bytes);
    if (!entry)
        return NULL;
    char *own_key = (char *)entry->vector + vector_bytes;
    memcpy(own_key, key, key_size);
    *entry = (struct srv_label_entry){
        .place = {.key = own_key, .key_size = key_size, .group_size = key_size, .bytes = bytes},
        .holders = 2,
        .dim = dim,
    };
    srv_lru_table_list(&cache->table, &entry->place);
    return entry;
}

static void enlist(struct srv_label_entry *entry, struct srv_label_waiter *waiter)
{
    waiter->entry = entry;
    waiter->next = NULL;
    waiter->previous = entry->last_waiter;
    if (waiter->previous)
        waiter->previous->next = waiter;
    else
        entry->waiters = waiter;
    entry->last_waiter = waiter;
}

static void strike(struct srv_label_waiter *waiter)
{
    struct srv_label_entry *entry = waiter->entry;
    if (waiter->next)
        waiter->next->previous = waiter->previous;
    else
        entry->last_waiter = waiter->previous;
    if (waiter->previous)
        waiter->previous->next = waiter->next;
    else
        entry->waiters = waiter->next;
    waiter->entry = NULL;
}

void srv_label_waiter_leave(struct srv_label_waiter *waiter)
{
    struct srv_label_entry *entry = waiter->entry;
    if (!entry)
        return;
    strike(waiter);
    srv_label_entry_release(entry);
}

struct srv_label_entry *srv_label_cache_claim(struct srv_label_cache *cache,
                                              const struct srv_label_key *key, size_t dim,
                                              struct srv_label_waiter *waiter,
                                              enum srv_label_claim *claim)
{
    size_t key_size = flatten(cache, key);
    if (key_size == 0)
        return NULL;
    struct srv_lru_entry *place = srv_lru_table_find(&cache->table, cache->key, key_size, key_size);
    if (place && entry_at(place)->dim != dim) { /* a file may have brought anything */
        srv_lru_table_remove(&cache->table, place);
        srv_label_entry_release(entry_at(place));
        place = NULL;
    }
    if (!place) {
        struct srv_label_entry *made = entry_new(cache, cache->key, key_size, dim);
        *claim = SRV_LABEL_LEADS;
        cache->counts.misses += made != NULL;
        return made;
    }
    struct srv_label_entry *entry = entry_at(place);
    entry->holders++;
    if (entry->ready) {
        srv_lru_table_touch(&cache->table, place);
        cache->counts.hits++;
        *claim = SRV_LABEL_READY;
    } else {
        enlist(entry, waiter);
        cache->counts.joins++;
        *claim = SRV_LABEL_WAITS;
    }
    return entry;
}

bool srv_label_entry_awaited(const struct srv_label_entry *entry)
{
    return entry->waiters != NULL;
}

/* One at a time: a woken waiter may do anything, leaving included. The leader's hold keeps the
 * entry meanwhile. */
static void wake_all(struct srv_label_entry *entry, bool filled)
{
    while (entry->waiters) {
        struct srv_label_waiter *waiter = entry->waiters;
        strike(waiter);
        if (!filled)
            entry->holders--;
        waiter->wake(waiter, filled);
    }
}

/* The caller holds the entry, also where the table lets it go at once. */
static void rank(struct srv_label_cache *cache, struct srv_label_entry *entry)
{
    entry->ready = true;
    cache->counts.fills++;
    entry->holders -= !srv_lru_table_rank(&cache->table, &entry->place);
}

void srv_label_cache_fill(struct srv_label_cache *cache, struct srv_label_entry *entry,
                          const float *vector)
{
    memcpy(entry->vector, vector, entry->dim * sizeof *vector);
    rank(cache, entry);
    wake_all(entry, true);
}

void srv_label_cache_abandon(struct srv_label_cache *cache, struct srv_label_entry *entry)
{
    srv_lru_table_remove(&cache->table, &entry->place);
    entry->holders--; /* the table's */
    wake_all(entry, false);
    srv_label_entry_release(entry);
}

const float *srv_label_entry_vector(const struct srv_label_entry *entry)
{
    return entry->vector;
}

struct srv_label_record srv_label_entry_record(const struct srv_label_entry *entry)
{
    return (struct srv_label_record){
        .key = entry->place.key,
        .key_size = entry->place.key_size,
        .vector = entry->vector,
        .dim = entry->dim,
    };
}

struct srv_label_entry **srv_label_cache_snapshot(struct srv_label_cache *cache, size_t *count)
{
    struct srv_label_entry **entries = calloc(cache->table.ranked + 1, sizeof(void *));
    *count = 0;
    if (!entries)
        return NULL;
    for (struct srv_lru_entry *place = cache->table.oldest; place; place = place->newer) {
        entries[*count] = entry_at(place);
        entries[(*count)++]->holders++;
    }
    return entries;
}

void srv_label_cache_restore(struct srv_label_cache *cache, const struct srv_label_record *record)
{
    if (srv_lru_table_find(&cache->table, record->key, record->key_size, record->key_size))
        return;
    struct srv_label_entry *entry = entry_new(cache, record->key, record->key_size, record->dim);
    if (!entry)
        return;
    memcpy(entry->vector, record->vector, record->dim * sizeof *record->vector);
    rank(cache, entry);
    srv_label_entry_release(entry);
}

void srv_label_cache_note_hits(struct srv_label_cache *cache, size_t texts)
{
    cache->counts.hits += texts;
}

struct srv_label_cache_counts srv_label_cache_counts(const struct srv_label_cache *cache)
{
    struct srv_label_cache_counts counts = cache->counts;
    counts.evictions = cache->table.evictions;
    counts.entries = cache->table.ranked;
    counts.bytes = cache->table.bytes;
    return counts;
}
