/* Packs named tensors into layers, with one sticky status: after the first failure every call is a
 * no-op, so that a loader reads as the list of its tensors. Private to core/model.
 */
#ifndef M2C_MODEL_LAYER_BUILDER_H
#define M2C_MODEL_LAYER_BUILDER_H

#include "model/network.h"

enum { M2C_LAYER_NAME_BYTES = 160 };

struct m2c_layer_builder {
    struct m2c_weights *weights;
    enum m2c_linear_kind kind;
    struct m2c_team *team;  /* for m2c_builder_each; NULL: the caller's thread alone */
    enum m2c_status status; /* M2C_OK until something failed */
    struct m2c_error *err;
};

/* Calls work(builder, index, argument) for every index below `count`, spread over the team: each
 * member has a builder of its own, and the first failure becomes the caller's. */
typedef void (*m2c_builder_work)(struct m2c_layer_builder *builder, size_t index, void *argument);
void m2c_builder_each(struct m2c_layer_builder *builder, size_t count, m2c_builder_work work,
                      void *argument);

/* "prefix" + "name" in `out`. */
void m2c_tensor_name(char out[M2C_LAYER_NAME_BYTES], const char *prefix, const char *name);

/* Whether the weights hold prefix + name. */
bool m2c_builder_has(const struct m2c_layer_builder *builder, const char *prefix, const char *name);

/* New [count] floats: of the tensor prefix + name (any rank with that many values, checked against
 * `rank` and `shape`), or zeros. NULL after a failure. */
float *m2c_builder_vector(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                          size_t count);
float *m2c_builder_tensor(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                          int rank, const size_t *shape);
float *m2c_builder_zeros(struct m2c_layer_builder *builder, size_t count);

/* prefix + name + ".weight" and ".bias", [width] each. */
void m2c_builder_norm(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                      size_t width, float eps, struct m2c_norm *norm);

/* A new unsealed layer, or NULL after a failure. */
struct m2c_linear *m2c_builder_linear(struct m2c_layer_builder *builder, size_t in, size_t out);

/* Fills rows row.. of the staging (columns column..column+in-1) from `rows` rows of the matrix
 * prefix + name, starting at its row `source_row`; the tensor is [total_rows, in], or its
 * transpose. */
struct m2c_fill {
    size_t row, column;      /* where in the layer */
    size_t source_row, rows; /* which rows of the tensor */
    size_t total_rows, in;   /* the tensor's shape */
    bool transposed;         /* the tensor is [in, total_rows] */
    int rank;                /* 2, or 4 for a [out, 3, p, p] convolution; 0 means 2 */
    size_t patch_px;         /* p of rank 4 */
};
void m2c_builder_fill(struct m2c_layer_builder *builder, struct m2c_linear *layer,
                      const char *prefix, const char *name, const struct m2c_fill *fill);

/* Adds values source.. of the vector prefix + name ([total]) to the bias from `row` on. */
void m2c_builder_fill_bias(struct m2c_layer_builder *builder, struct m2c_linear *layer, size_t row,
                           size_t rows, const char *prefix, const char *name, size_t source,
                           size_t total);

void m2c_builder_seal(struct m2c_layer_builder *builder, struct m2c_linear *layer);

/* A whole layer from prefix + name + ".weight" [out, in] and ".bias" [out]. */
struct m2c_linear *m2c_builder_dense(struct m2c_layer_builder *builder, const char *prefix,
                                     const char *name, size_t in, size_t out);

/* New zeroed memory of `bytes`, or NULL after a failure. */
void *m2c_builder_allocate(struct m2c_layer_builder *builder, size_t count, size_t size);

#endif
