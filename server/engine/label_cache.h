/* Label vectors by (set version, template, text): what was encoded once is looked up after, and
 * what somebody is encoding is waited for.
 *
 * Bounded in bytes, least recently used first out. An entry that somebody holds stays valid until
 * it is released, whether the table still knows it or not. Loop thread alone; no lock.
 */
#ifndef SRV_ENGINE_LABEL_CACHE_H
#define SRV_ENGINE_LABEL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct srv_label_cache;
struct srv_label_entry;

struct srv_label_key {
    const char *version;       /* of the set, and of the numbers it computes with */
    const char *template_text; /* NULL: verbatim */
    const char *text;
    bool truncate; /* a text that is too long is an error without it, so such vectors do not mix */
};

/* A new cache of at most `max_bytes`; srv_label_cache_free ends it. */
M2C_MUST_USE enum m2c_status srv_label_cache_new(size_t max_bytes, struct srv_label_cache **out,
                                                 struct m2c_error *err);

/* Accepts NULL, nulls the pointer. Entries still held live on until released; nobody may fill or
 * abandon one any more. */
void srv_label_cache_free(struct srv_label_cache **cache);

/* Somebody who waits for an entry that another is encoding; embedded in the waiter. */
struct srv_label_waiter {
    /* Called once, from within fill or abandon: with `filled` the entry is ready and the waiter
     * holds it; without, nobody encodes it any more, the hold is gone, and the waiter may claim the
     * key anew. */
    void (*wake)(struct srv_label_waiter *waiter, bool filled);

    /* The cache's own; entry is NULL while it waits for nothing. */
    struct srv_label_entry *entry;
    struct srv_label_waiter *next, *previous;
};

enum srv_label_claim {
    SRV_LABEL_READY, /* known */
    SRV_LABEL_WAITS, /* another encodes it: the waiter will be woken */
    SRV_LABEL_LEADS, /* the caller must encode it, and then fill or abandon the entry */
};

/* The entry of a key, held for the caller, and what to do about it; new where there is none. NULL
 * without memory. */
struct srv_label_entry *srv_label_cache_claim(struct srv_label_cache *cache,
                                              const struct srv_label_key *key, size_t dim,
                                              struct srv_label_waiter *waiter,
                                              enum srv_label_claim *claim);

/* The leader's two ways out: a copy of `vector` [dim] for all, and the entry stays held; or nothing
 * for anybody, and the hold is given back. Both wake all waiters. */
void srv_label_cache_fill(struct srv_label_cache *cache, struct srv_label_entry *entry,
                          const float *vector);
void srv_label_cache_abandon(struct srv_label_cache *cache, struct srv_label_entry *entry);

/* Whether anybody waits for an entry that the caller leads. */
bool srv_label_entry_awaited(const struct srv_label_entry *entry);

/* The waiter waits no more and its hold is given back. Nothing happens where it does not wait. */
void srv_label_waiter_leave(struct srv_label_waiter *waiter);

/* The unit vector [dim] of a ready entry, borrowed while the entry is held. */
const float *srv_label_entry_vector(const struct srv_label_entry *entry);
void srv_label_entry_release(struct srv_label_entry *entry);

/* ---- for keeping entries in a file ---- */

/* An entry's key and vector, flat. Any thread while the entry is held. */
struct srv_label_record {
    const void *key;
    size_t key_size;
    const float *vector;
    size_t dim;
};

struct srv_label_record srv_label_entry_record(const struct srv_label_entry *entry);

/* All ready entries, oldest first, each held for the caller: new array of `*count`, NULL without
 * memory. */
struct srv_label_entry **srv_label_cache_snapshot(struct srv_label_cache *cache, size_t *count);

/* Remembers a copy of a record; what the table has already stays. Without memory, or where the
 * entry alone exceeds the bound, nothing is remembered. */
void srv_label_cache_restore(struct srv_label_cache *cache, const struct srv_label_record *record);

/* So many texts were found without being looked up, since the whole list was known. */
void srv_label_cache_note_hits(struct srv_label_cache *cache, size_t texts);

struct srv_label_cache_counts {
    uint64_t hits, misses; /* texts found, texts encoded by who asked */
    uint64_t joins;        /* texts that another was encoding already */
    uint64_t fills;        /* vectors that came in */
    uint64_t evictions;
    size_t entries, bytes;
};

struct srv_label_cache_counts srv_label_cache_counts(const struct srv_label_cache *cache);

#endif
