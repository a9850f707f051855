/* Whole lists of label vectors by what they were made from: a list that is asked for again costs
 * one look-up and one matrix product.
 *
 * A matrix is immutable once kept and counted by holders. Bounded in bytes, least recently used
 * first out; what somebody holds lives on. Loop thread alone.
 */
#ifndef SRV_ENGINE_LABEL_MATRIX_H
#define SRV_ENGINE_LABEL_MATRIX_H

#include <stddef.h>
#include <stdint.h>

#include "model/digest.h"
#include "status.h"

struct srv_label_matrix;
struct srv_matrix_cache;

/* New [rows, dim] of zeros, held once; NULL without memory. */
struct srv_label_matrix *srv_label_matrix_new(size_t rows, size_t dim);
struct srv_label_matrix *srv_label_matrix_ref(struct srv_label_matrix *matrix);
void srv_label_matrix_unref(struct srv_label_matrix *matrix); /* accepts NULL */

float *srv_label_matrix_values(struct srv_label_matrix *matrix); /* until it is kept */
const float *srv_label_matrix_rows(const struct srv_label_matrix *matrix);
size_t srv_label_matrix_row_count(const struct srv_label_matrix *matrix);
size_t srv_label_matrix_bytes(const struct srv_label_matrix *matrix);

M2C_MUST_USE enum m2c_status srv_matrix_cache_new(size_t max_bytes, struct srv_matrix_cache **out,
                                                  struct m2c_error *err);
void srv_matrix_cache_free(struct srv_matrix_cache **cache); /* accepts NULL, nulls */

/* The matrix of a digest, held for the caller, or NULL. */
struct srv_label_matrix *srv_matrix_cache_find(struct srv_matrix_cache *cache,
                                               const unsigned char digest[M2C_DIGEST_BYTES]);

/* Keeps a matrix under a digest, where there is room for it; what is there already stays. */
void srv_matrix_cache_put(struct srv_matrix_cache *cache,
                          const unsigned char digest[M2C_DIGEST_BYTES],
                          struct srv_label_matrix *matrix);

struct srv_matrix_cache_counts {
    uint64_t hits, misses, evictions;
    size_t entries, bytes;
};

struct srv_matrix_cache_counts srv_matrix_cache_counts(const struct srv_matrix_cache *cache);

#endif
