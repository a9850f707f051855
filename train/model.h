/* A model folder opened for training: configuration, tensors in f32, network. */
#ifndef TRN_MODEL_H
#define TRN_MODEL_H

#include "model/digest.h"
#include "train/network.h"
#include "train/new_adapters.h"

struct trn_model {
    struct m2c_config config; /* settled */
    struct trn_tensors *tensors;
    struct trn_network network;
    unsigned char base_digest[M2C_DIGEST_BYTES]; /* of the base alone, as adapter sets name it */
};

struct trn_model_options {
    const char *dir;      /* the model folder */
    const char *adapters; /* an adapter set's adapters.safetensors to go on from, or NULL */
    const struct trn_adapter_plan *plan; /* adapters to add where they are missing, or NULL */
    uint64_t seed;                       /* of what is added */
    struct trn_selection selection;
    bool without_own_adapters; /* leave out those inside model.safetensors */
};

/* Reads config.json and the weights of the folder, lays the set over them, adds what the plan asks
 * for and settles what is trained. The files are not needed afterwards. Errors as
 * m2c_weights_open, trn_new_adapters, trn_tensors_select and trn_network_build. Close in any case.
 */
M2C_MUST_USE enum m2c_status trn_model_open(const struct trn_model_options *options,
                                            struct trn_model *model, struct m2c_error *err);

/* Safe on a zeroed struct. */
void trn_model_close(struct trn_model *model);

#endif
