/* Named f32 tensors that grow row by row and end in a safetensors file: what forward and preprocess
 * write. */
#ifndef CLI_TENSOR_LIST_H
#define CLI_TENSOR_LIST_H

#include <stddef.h>

#include "model/safetensors.h"
#include "status.h"

struct cli_tensor {
    char name[64];
    float *values; /* owned */
    size_t count, capacity;
    int rank;
    size_t shape[M2C_MAX_RANK];
};

struct cli_tensor_list {
    struct cli_tensor *items;
    size_t count, capacity;
};

/* The tensor of that name, or NULL. Borrowed until the next is added. */
struct cli_tensor *cli_tensor_find(struct cli_tensor_list *list, const char *name);

/* Adds a zeroed tensor of a shape and lends its values in `values` (NULL: not wanted), which stay
 * where they are. */
M2C_MUST_USE enum m2c_status cli_tensor_add(struct cli_tensor_list *list, const char *name,
                                            int rank, const size_t *shape, float **values,
                                            struct m2c_error *err);

/* Appends values to the tensor of that name, made if need be with rank 0 (shape it later). */
M2C_MUST_USE enum m2c_status cli_tensor_append(struct cli_tensor_list *list, const char *name,
                                               const float *values, size_t count,
                                               struct m2c_error *err);

/* Writes all of them in order; shapes must fit the counts (asserts). */
M2C_MUST_USE enum m2c_status cli_tensor_write(const struct cli_tensor_list *list, const char *path,
                                              struct m2c_error *err);
void cli_tensor_list_destroy(struct cli_tensor_list *list);

#endif
