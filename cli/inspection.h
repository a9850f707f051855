/* What `m2clip inspect` tells of a model folder, gathered once and printed in two forms. */
#ifndef CLI_INSPECTION_H
#define CLI_INSPECTION_H

#include <stdio.h>

#include "m2clip.h"
#include "model/safetensors.h"

/* Parameters of one weights file or folder. */
struct cli_parameter_count {
    size_t total, adapters; /* of all floating-point tensors */
    size_t matrices;        /* of those that are multiplied: what a precision shrinks */
    size_t by_dtype[M2C_DTYPE_COUNT];
};

struct cli_set_inspection {
    const struct m2c_set *set;
    struct cli_parameter_count own; /* of an adapter folder; zero for `base` and `default` */
};

struct cli_inspection {
    struct m2c_model *model; /* owned */
    const char *dir;
    struct cli_parameter_count folder;
    struct cli_set_inspection *sets; /* [set count], owned */
    size_t set_count;
};

/* Loads the folder in f32 and counts. Destroy in any case. */
M2C_MUST_USE enum m2c_status cli_inspection_init(struct cli_inspection *inspection, const char *dir,
                                                 struct m2c_error *err);
void cli_inspection_destroy(struct cli_inspection *inspection);

/* Bytes that all weights take, packed at a precision. */
double cli_inspection_memory(const struct cli_inspection *inspection, enum m2c_precision precision);

void cli_inspection_print(const struct cli_inspection *inspection, FILE *stream);

struct proto_writer;
void cli_inspection_write(const struct cli_inspection *inspection, struct proto_writer *writer);

#endif
