#include "server/engine/video_cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/container.h"
#include "server/engine/lru_table.h"

struct entry {
    struct srv_lru_entry place;
    char *key;
    struct srv_kept_video *video;
};

struct srv_video_cache {
    struct srv_lru_table table;
    uint64_t hits, misses, joins;
};

void srv_video_result_destroy(struct srv_video_result *result)
{
    m2c_video_embedding_destroy(&result->embedding);
    free(result->frame_indices);
    free(result->frame_times_s);
    *result = (struct srv_video_result){0};
}

static size_t bytes_of(const struct srv_video_result *result)
{
    const struct m2c_video_embedding *embedding = &result->embedding;
    size_t views = (size_t)embedding->views, frames = (size_t)embedding->frames;
    size_t dim = (size_t)embedding->dim, classes = (size_t)embedding->classes;
    size_t times = (size_t)result->temporal_views * (size_t)result->frames_per_view;
    return views * (frames * dim + dim + classes) * sizeof(float) +
           times * (sizeof(int64_t) + sizeof(double));
}

struct srv_kept_video *srv_kept_video_new(struct srv_video_result *result,
                                          const struct m2c_set *set,
                                          const struct m2c_sampling *sampling)
{
    const struct m2c_set_info *info = m2c_set_info(set);
    struct srv_kept_video *video = calloc(1, sizeof *video);
    if (!video) {
        srv_video_result_destroy(result);
        return NULL;
    }
    video->holders = 1;
    video->result = *result;
    video->sampling = *sampling;
    video->kept_at = time(NULL);
    video->bytes = sizeof *video + bytes_of(result);
    (void)snprintf(video->model, sizeof video->model, "%s", info->name);
    (void)snprintf(video->model_version, sizeof video->model_version, "%s", info->version);
    memset(result, 0, sizeof *result);
    return video;
}

struct srv_kept_video *srv_kept_video_ref(struct srv_kept_video *video)
{
    video->holders++;
    return video;
}

void srv_kept_video_unref(struct srv_kept_video *video)
{
    if (!video || --video->holders > 0)
        return;
    srv_video_result_destroy(&video->result);
    free(video);
}

/* ---- keys ---- */

/* Numbers of a sampling without padding; every way to say "from the start" is one. */
struct flat_sampling {
    double start_s, end_s;
    int32_t frames, stride, temporal_views, spatial_views;
};

static double bound_of(double seconds)
{
    return seconds >= 0.0 ? seconds + 0.0 : -1.0; /* -0.0 becomes 0.0, a NAN -1.0 */
}

struct srv_flat_key srv_video_key_flatten(const struct srv_video_key *key)
{
    const struct m2c_sampling *sampling = &key->sampling;
    const struct flat_sampling flat = {
        .start_s = bound_of(sampling->start_s),
        .end_s = bound_of(sampling->end_s),
        .frames = sampling->frames,
        .stride = sampling->stride,
        .temporal_views = sampling->temporal_views,
        .spatial_views = sampling->spatial_views,
    };
    size_t scope = strlen(key->scope) + 1, content = strlen(key->content) + 1;
    size_t version = strlen(key->version) + 1;
    struct srv_flat_key made = {.group_size = scope + content};
    made.size = made.group_size + version + sizeof flat;
    made.bytes = malloc(made.size);
    if (!made.bytes)
        return made;
    memcpy(made.bytes, key->scope, scope);
    memcpy(made.bytes + scope, key->content, content);
    memcpy(made.bytes + made.group_size, key->version, version);
    memcpy(made.bytes + made.group_size + version, &flat, sizeof flat);
    return made;
}

/* ---- the table ---- */

static struct entry *entry_at(struct srv_lru_entry *place)
{
    return SRV_CONTAINER(place, struct entry, place);
}

static void on_evicted(struct srv_lru_entry *place)
{
    struct entry *entry = entry_at(place);
    srv_kept_video_unref(entry->video);
    free(entry->key);
    free(entry);
}

enum m2c_status srv_video_cache_new(size_t max_bytes, struct srv_video_cache **out,
                                    struct m2c_error *err)
{
    struct srv_video_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return m2c_fail_memory(err, "the video cache", sizeof *cache);
    enum m2c_status status = srv_lru_table_init(&cache->table, max_bytes, on_evicted, err);
    if (status != M2C_OK) {
        free(cache);
        cache = NULL;
    }
    *out = cache;
    return status;
}

void srv_video_cache_free(struct srv_video_cache **cache)
{
    if (!*cache)
        return;
    srv_lru_table_destroy(&(*cache)->table);
    free(*cache);
    *cache = NULL;
}

struct srv_kept_video *srv_video_cache_find(struct srv_video_cache *cache,
                                            const struct srv_video_key *key)
{
    struct srv_flat_key flat = srv_video_key_flatten(key);
    struct srv_lru_entry *place = NULL;
    if (flat.bytes)
        place = srv_lru_table_find(&cache->table, flat.bytes, flat.size, flat.group_size);
    free(flat.bytes);
    if (!place) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    srv_lru_table_touch(&cache->table, place);
    return srv_kept_video_ref(entry_at(place)->video);
}

void srv_video_cache_put(struct srv_video_cache *cache, const struct srv_video_key *key,
                         struct srv_kept_video *video)
{
    struct srv_flat_key flat = srv_video_key_flatten(key);
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry || !flat.bytes ||
        srv_lru_table_find(&cache->table, flat.bytes, flat.size, flat.group_size)) {
        free(entry);
        free(flat.bytes);
        return;
    }
    entry->key = flat.bytes;
    entry->video = srv_kept_video_ref(video);
    entry->place = (struct srv_lru_entry){
        .key = flat.bytes,
        .key_size = flat.size,
        .group_size = flat.group_size,
        .bytes = sizeof *entry + flat.size + video->bytes,
    };
    srv_lru_table_list(&cache->table, &entry->place);
    if (!srv_lru_table_rank(&cache->table, &entry->place))
        on_evicted(&entry->place);
}

static struct srv_lru_entry *first_of(const struct srv_video_cache *cache, const char *scope,
                                      const char *content)
{
    struct srv_video_key key = {.scope = scope, .content = content};
    struct srv_flat_key flat = srv_video_key_flatten(&key);
    struct srv_lru_entry *place = NULL;
    if (flat.bytes)
        place = srv_lru_table_group(&cache->table, flat.bytes, flat.group_size);
    free(flat.bytes);
    return place;
}

size_t srv_video_cache_visit(const struct srv_video_cache *cache, const char *scope,
                             const char *content,
                             void (*visit)(const struct srv_kept_video *video, void *argument),
                             void *argument)
{
    size_t count = 0;
    struct srv_lru_entry *place = first_of(cache, scope, content);
    for (; place; place = srv_lru_table_group_next(place)) {
        visit(entry_at(place)->video, argument);
        count++;
    }
    return count;
}

size_t srv_video_cache_forget(struct srv_video_cache *cache, const char *scope, const char *content)
{
    size_t count = 0;
    struct srv_lru_entry *place = first_of(cache, scope, content);
    while (place) {
        struct srv_lru_entry *next = srv_lru_table_group_next(place);
        srv_lru_table_remove(&cache->table, place);
        on_evicted(place);
        place = next;
        count++;
    }
    return count;
}

void srv_video_cache_note_join(struct srv_video_cache *cache)
{
    cache->joins++;
}

struct srv_video_cache_counts srv_video_cache_counts(const struct srv_video_cache *cache)
{
    return (struct srv_video_cache_counts){
        .hits = cache->hits,
        .misses = cache->misses,
        .joins = cache->joins,
        .evictions = cache->table.evictions,
        .entries = cache->table.ranked,
        .bytes = cache->table.bytes,
    };
}
