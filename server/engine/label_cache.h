/* Label vectors by (set version, template, text): what was encoded once is looked up after.
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
    const char *version;       /* of the set */
    const char *template_text; /* NULL: verbatim */
    const char *text;
    bool truncate; /* a text that is too long is an error without it, so such vectors do not mix */
};

/* A new cache of at most `max_bytes`; srv_label_cache_free ends it. */
M2C_MUST_USE enum m2c_status srv_label_cache_new(size_t max_bytes, struct srv_label_cache **out,
                                                 struct m2c_error *err);

/* Accepts NULL, nulls the pointer. Entries still held live on until released. */
void srv_label_cache_free(struct srv_label_cache **cache);

/* The entry of a key, held for the caller, or NULL. */
struct srv_label_entry *srv_label_cache_find(struct srv_label_cache *cache,
                                             const struct srv_label_key *key);

/* Remembers a copy of `vector` [dim], dim being that of the key's version; what the table has
 * already stays. Without memory, or where the entry alone exceeds the bound, nothing is remembered.
 */
void srv_label_cache_put(struct srv_label_cache *cache, const struct srv_label_key *key,
                         const float *vector, size_t dim);

/* The unit vector [dim], borrowed while the entry is held. */
const float *srv_label_entry_vector(const struct srv_label_entry *entry);
void srv_label_entry_release(struct srv_label_entry *entry);

struct srv_label_cache_counts {
    uint64_t hits, misses, evictions;
    size_t entries, bytes;
};

struct srv_label_cache_counts srv_label_cache_counts(const struct srv_label_cache *cache);

#endif
