/* The tensors of a model folder, merged over its files and found by canonical name.
 *
 * Files are mapped, not copied. `model.safetensors`, or `model.safetensors.index.json` with its
 * shards; names of either family (tensor_names.h). Whoever looks a tensor up marks it as used, so
 * that what the network does not use can be listed. Looking up may be done by any number of
 * threads beside each other.
 */
#ifndef M2C_MODEL_WEIGHTS_H
#define M2C_MODEL_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/digest.h"
#include "model/safetensors.h"
#include "model/tensor_names.h"
#include "model/tensor_values.h"
#include "status.h"

struct m2c_weights;

/* Opens the weights of a folder and compares the whole folder with its SHA256SUMS, if it has one.
 * M2C_BAD_MODEL for whatever is missing, malformed, twice there or of another checksum. New; the
 * caller frees it. */
M2C_MUST_USE enum m2c_status m2c_weights_open(const char *dir, struct m2c_weights **out,
                                              struct m2c_error *err);

/* One safetensors file, such as an adapter set's. */
M2C_MUST_USE enum m2c_status m2c_weights_open_file(const char *path, struct m2c_weights **out,
                                                   struct m2c_error *err);

/* A safetensors file in memory, borrowed for the weights' life; `label` names it in errors. */
M2C_MUST_USE enum m2c_status m2c_weights_open_bytes(const void *bytes, size_t size,
                                                    const char *label, struct m2c_weights **out,
                                                    struct m2c_error *err);

/* Accepts NULL, nulls the pointer. Tensors found are gone with it. */
void m2c_weights_free(struct m2c_weights **weights);

/* The tensor of that canonical name, borrowed and marked as used; NULL where there is none. */
const struct m2c_tensor *m2c_weights_find(struct m2c_weights *weights, const char *name);

/* The same where the network needs it: M2C_BAD_MODEL unless it is there with exactly this shape and
 * F32, F16 or BF16 values. The error names tensor, expected and found shape. */
M2C_MUST_USE enum m2c_status m2c_weights_get(struct m2c_weights *weights, const char *name,
                                             int rank, const size_t *shape,
                                             const struct m2c_tensor **out, struct m2c_error *err);

/* Whether there is a tensor of that name, or any whose name begins so. Marks nothing. */
bool m2c_weights_has(const struct m2c_weights *weights, const char *name);
bool m2c_weights_has_prefix(const struct m2c_weights *weights, const char *prefix);

/* All tensors in the order of their canonical names. */
size_t m2c_weights_count(const struct m2c_weights *weights);
const struct m2c_tensor *m2c_weights_at(const struct m2c_weights *weights, size_t index);
const char *m2c_weights_name_at(const struct m2c_weights *weights, size_t index);
bool m2c_weights_used_at(const struct m2c_weights *weights, size_t index);

/* Elements of all F32, F16 and BF16 tensors, and of those that are adapters. */
void m2c_weights_parameters(const struct m2c_weights *weights, size_t *total, size_t *adapters);

/* Bytes of all files. */
size_t m2c_weights_file_bytes(const struct m2c_weights *weights);

/* M2C_BAD_MODEL unless every tensor is an adapter: what an adapter set must hold. */
M2C_MUST_USE enum m2c_status m2c_weights_require_adapters(const struct m2c_weights *weights,
                                                          struct m2c_error *err);

/* M2C_BAD_MODEL naming the tensor if one in use holds a NaN or an infinity. Reads everything. */
M2C_MUST_USE enum m2c_status m2c_weights_check_finite(const struct m2c_weights *weights,
                                                      struct m2c_error *err);

/* The SHA-256 of the file; of the files' SHA-256 in the order of their names where there are
 * several. Reads everything, unless opening already did. */
M2C_MUST_USE enum m2c_status m2c_weights_digest(const struct m2c_weights *weights,
                                                unsigned char out[M2C_DIGEST_BYTES],
                                                struct m2c_error *err);

/* The SHA-256 over canonical name, dtype, shape and bytes of every tensor that is no adapter: what
 * names the base under adapter sets, whichever files and names it is stored under. */
M2C_MUST_USE enum m2c_status m2c_weights_base_digest(const struct m2c_weights *weights,
                                                     unsigned char out[M2C_DIGEST_BYTES],
                                                     struct m2c_error *err);

/* Gives the mapped pages back to the system: after packing they are not needed. */
void m2c_weights_give_back(const struct m2c_weights *weights);

#endif
