/* The tensors of a network in training: every float tensor of a model folder in f32, which of them
 * are trained, their gradients and the optimizer's moments.
 *
 * Built once: add tensors, choose what is trained, then views stay valid until freed. Belongs to
 * the training thread.
 */
#ifndef TRN_TENSORS_H
#define TRN_TENSORS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/safetensors.h"
#include "model/weights.h"
#include "train/view.h"

struct trn_tensor {
    char name[M2C_TENSOR_NAME_BYTES];      /* canonical (tensor_names.h): how it is found */
    char file_name[M2C_TENSOR_NAME_BYTES]; /* as its file has it */
    int rank;
    size_t shape[M2C_MAX_RANK];
    size_t count; /* values */
    float *value; /* owned */
    bool trained;
    bool decays;  /* weight decay applies: no bias */
    bool textual; /* a text adapter's, which learns at a rate of its own */
    float *grad;  /* lent by the store; NULL when frozen, and so are the moments */
    float *moment_1, *moment_2;
};

struct trn_tensors;

M2C_MUST_USE enum m2c_status trn_tensors_new(struct trn_tensors **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void trn_tensors_free(struct trn_tensors **tensors);

/* Adds a copy of every float tensor of `weights`; a name that is there already is replaced, so that
 * an adapter set can be laid over a base. */
M2C_MUST_USE enum m2c_status trn_tensors_add_weights(struct trn_tensors *tensors,
                                                     const struct m2c_weights *weights,
                                                     struct m2c_error *err);

/* Adds a zeroed tensor, or replaces one, and lends its values to be filled. */
M2C_MUST_USE enum m2c_status trn_tensors_add(struct trn_tensors *tensors, const char *name,
                                             int rank, const size_t *shape, float **values,
                                             struct m2c_error *err);

/* Takes every adapter out again (tensor_names.h): what is left is the base. */
void trn_tensors_remove_adapters(struct trn_tensors *tensors);

/* What is trained: adapters, or everything; without those whose name holds a text of `frozen`. */
struct trn_selection {
    bool full;
    const char *const *frozen; /* NULL: none */
    size_t frozen_count;
};

/* Settles which tensors are trained and makes their gradients (zero) and moments (zero). Nothing
 * can be added afterwards (asserts). M2C_INVALID_REQUEST when nothing would be trained. */
M2C_MUST_USE enum m2c_status trn_tensors_select(struct trn_tensors *tensors,
                                                const struct trn_selection *selection,
                                                struct m2c_error *err);

/* Sets every gradient to zero. */
void trn_tensors_clear_gradients(struct trn_tensors *tensors);

/* All gradients as one array, in no order that means anything. */
float *trn_tensors_gradients(const struct trn_tensors *tensors, size_t *count);

/* By canonical name; NULL where there is none. */
struct trn_tensor *trn_tensors_find(const struct trn_tensors *tensors, const char *name);

/* All of them in the order of their canonical names. */
size_t trn_tensors_count(const struct trn_tensors *tensors);
struct trn_tensor *trn_tensors_at(const struct trn_tensors *tensors, size_t index);

/* Bytes of values, gradients and moments. */
size_t trn_tensors_bytes(const struct trn_tensors *tensors);

#endif
