/* A model folder opened for training: configuration, tensors in f32, network. */
#ifndef TRN_MODEL_H
#define TRN_MODEL_H

#include "train/network.h"

struct trn_model {
    struct m2c_config config; /* settled */
    struct trn_tensors *tensors;
    struct trn_network network;
};

/* Reads config.json and the weights of DIR and settles what is trained. The files are not needed
 * afterwards. Errors as m2c_weights_open, trn_tensors_select and trn_network_build. Close in any
 * case. */
M2C_MUST_USE enum m2c_status trn_model_open(const char *dir, const struct trn_selection *selection,
                                            struct trn_model *model, struct m2c_error *err);

/* Safe on a zeroed struct. */
void trn_model_close(struct trn_model *model);

#endif
