#include "train/model.h"

enum m2c_status trn_model_open(const char *dir, const struct trn_selection *selection,
                               struct trn_model *model, struct m2c_error *err)
{
    struct m2c_weights *weights = NULL;
    *model = (struct trn_model){0};
    enum m2c_status status = m2c_config_load(dir, &model->config, err);
    if (status == M2C_OK)
        status = m2c_weights_open(dir, &weights, err);
    if (status == M2C_OK)
        status = trn_tensors_new(&model->tensors, err);
    if (status == M2C_OK)
        status = trn_tensors_add_weights(model->tensors, weights, err);
    if (status == M2C_OK) {
        m2c_config_settle(&model->config, m2c_weights_has_prefix(weights, "mlm_adapter."));
        status = trn_tensors_select(model->tensors, selection, err);
    }
    if (status == M2C_OK)
        status = trn_network_build(&model->config, model->tensors, &model->network, err);
    m2c_weights_free(&weights);
    return status;
}

void trn_model_close(struct trn_model *model)
{
    trn_network_destroy(&model->network);
    trn_tensors_free(&model->tensors);
    *model = (struct trn_model){0};
}
