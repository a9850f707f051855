#include "server/engine/label_matrix.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "server/container.h"
#include "server/engine/lru_table.h"

struct srv_label_matrix {
    unsigned holders;
    size_t rows, bytes;
    float values[]; /* [rows, dim] */
};

/* A matrix in the table. */
struct kept {
    struct srv_lru_entry place;
    unsigned char digest[M2C_DIGEST_BYTES];
    struct srv_label_matrix *matrix;
};

struct srv_matrix_cache {
    struct srv_lru_table table;
    uint64_t hits, misses;
};

struct srv_label_matrix *srv_label_matrix_new(size_t rows, size_t dim)
{
    size_t bytes;
    if (!m2c_checked_multiply3(rows, dim, sizeof(float), &bytes) ||
        !m2c_checked_add(bytes, sizeof(struct srv_label_matrix), &bytes))
        return NULL;
    struct srv_label_matrix *matrix = calloc(1, bytes);
    if (!matrix)
        return NULL;
    matrix->holders = 1;
    matrix->rows = rows;
    matrix->bytes = bytes;
    return matrix;
}

struct srv_label_matrix *srv_label_matrix_ref(struct srv_label_matrix *matrix)
{
    matrix->holders++;
    return matrix;
}

void srv_label_matrix_unref(struct srv_label_matrix *matrix)
{
    if (matrix && --matrix->holders == 0)
        free(matrix);
}

float *srv_label_matrix_values(struct srv_label_matrix *matrix)
{
    return matrix->values;
}

const float *srv_label_matrix_rows(const struct srv_label_matrix *matrix)
{
    return matrix->values;
}

size_t srv_label_matrix_row_count(const struct srv_label_matrix *matrix)
{
    return matrix->rows;
}

size_t srv_label_matrix_bytes(const struct srv_label_matrix *matrix)
{
    return matrix->bytes;
}

static struct kept *kept_at(struct srv_lru_entry *place)
{
    return SRV_CONTAINER(place, struct kept, place);
}

static void on_evicted(struct srv_lru_entry *place)
{
    srv_label_matrix_unref(kept_at(place)->matrix);
    free(kept_at(place));
}

enum m2c_status srv_matrix_cache_new(size_t max_bytes, struct srv_matrix_cache **out,
                                     struct m2c_error *err)
{
    struct srv_matrix_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return m2c_fail_memory(err, "the cache of label lists", sizeof *cache);
    enum m2c_status status = srv_lru_table_init(&cache->table, max_bytes, on_evicted, err);
    if (status != M2C_OK) {
        free(cache);
        cache = NULL;
    }
    *out = cache;
    return status;
}

void srv_matrix_cache_free(struct srv_matrix_cache **cache)
{
    if (!*cache)
        return;
    srv_lru_table_destroy(&(*cache)->table);
    free(*cache);
    *cache = NULL;
}

struct srv_label_matrix *srv_matrix_cache_find(struct srv_matrix_cache *cache,
                                               const unsigned char digest[M2C_DIGEST_BYTES])
{
    struct srv_lru_entry *place =
        srv_lru_table_find(&cache->table, digest, M2C_DIGEST_BYTES, M2C_DIGEST_BYTES);
    if (!place) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    srv_lru_table_touch(&cache->table, place);
    return srv_label_matrix_ref(kept_at(place)->matrix);
}

void srv_matrix_cache_put(struct srv_matrix_cache *cache,
                          const unsigned char digest[M2C_DIGEST_BYTES],
                          struct srv_label_matrix *matrix)
{
    if (srv_lru_table_find(&cache->table, digest, M2C_DIGEST_BYTES, M2C_DIGEST_BYTES))
        return;
    struct kept *kept = malloc(sizeof *kept);
    if (!kept)
        return;
    memcpy(kept->digest, digest, M2C_DIGEST_BYTES);
    kept->place = (struct srv_lru_entry){.key = kept->digest,
                                         .key_size = M2C_DIGEST_BYTES,
                                         .group_size = M2C_DIGEST_BYTES,
                                         .bytes = sizeof *kept + matrix->bytes};
    kept->matrix = srv_label_matrix_ref(matrix);
    srv_lru_table_list(&cache->table, &kept->place);
    if (!srv_lru_table_rank(&cache->table, &kept->place))
        on_evicted(&kept->place);
}

struct srv_matrix_cache_counts srv_matrix_cache_counts(const struct srv_matrix_cache *cache)
{
    return (struct srv_matrix_cache_counts){
        .hits = cache->hits,
        .misses = cache->misses,
        .evictions = cache->table.evictions,
        .entries = cache->table.ranked,
        .bytes = cache->table.bytes,
    };
}
