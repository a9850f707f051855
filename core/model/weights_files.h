/* The files that a model folder's weights lie in: one, or the shards of an index. For weights.c. */
#ifndef M2C_MODEL_WEIGHTS_FILES_H
#define M2C_MODEL_WEIGHTS_FILES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "model/safetensors.h"
#include "status.h"

struct m2c_weights_file {
    char *name; /* in the folder */
    struct m2c_safetensors *tensors;
};

/* Files in the order of their names. */
struct m2c_weights_files {
    struct m2c_weights_file *rows;
    size_t count;
    json_t *map; /* weight_map of the index, tensor -> file; NULL without an index */
};

/* Opens model.safetensors of DIR, else the shards that model.safetensors.index.json names. What the
 * index promises must be in the file that it names. Zeroed on failure. */
M2C_MUST_USE enum m2c_status m2c_weights_files_open(const char *dir, struct m2c_weights_files *out,
                                                    struct m2c_error *err);

/* Takes one parsed file, also on failure. */
M2C_MUST_USE enum m2c_status m2c_weights_files_single(const char *name,
                                                      struct m2c_safetensors *tensors,
                                                      struct m2c_weights_files *out,
                                                      struct m2c_error *err);

/* Whether the tensor counts in this file: the index does not put it into another one. */
bool m2c_weights_files_counts(const struct m2c_weights_files *files, size_t row,
                              const char *tensor);

/* Safe on a zeroed struct. */
void m2c_weights_files_close(struct m2c_weights_files *files);

#endif
