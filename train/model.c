#include "train/model.h"

static enum m2c_status add_set(struct trn_model *model, const char *path, struct m2c_error *err)
{
    struct m2c_weights *set = NULL;
    enum m2c_status status = m2c_weights_open_file(path, &set, err);
    if (status == M2C_OK)
        status = m2c_weights_require_adapters(set, err);
    if (status == M2C_OK)
        status = trn_tensors_add_weights(model->tensors, set, err);
    m2c_weights_free(&set);
    return status;
}

/* The base's tensors; whether the text tower has a CMLM block is the base's to say. */
static enum m2c_status add_base(struct trn_model *model, const struct trn_model_options *options,
                                struct m2c_error *err)
{
    struct m2c_weights *weights = NULL;
    enum m2c_status status = m2c_weights_open(options->dir, &weights, err);
    if (status == M2C_OK)
        status = trn_tensors_add_weights(model->tensors, weights, err);
    if (status == M2C_OK) {
        m2c_config_settle(&model->config, m2c_weights_has_prefix(weights, "mlm_adapter."));
        status = m2c_weights_base_digest(weights, model->base_digest, err);
    }
    m2c_weights_free(&weights);
    return status;
}

enum m2c_status trn_model_open(const struct trn_model_options *options, struct trn_model *model,
                               struct m2c_error *err)
{
    *model = (struct trn_model){0};
    enum m2c_status status = m2c_config_load(options->dir, &model->config, err);
    if (status == M2C_OK)
        status = trn_tensors_new(&model->tensors, err);
    if (status == M2C_OK)
        status = add_base(model, options, err);
    if (status == M2C_OK && options->without_own_adapters)
        trn_tensors_remove_adapters(model->tensors);
    if (status == M2C_OK && options->adapters)
        status = add_set(model, options->adapters, err);
    if (status == M2C_OK && options->plan)
        status =
            trn_new_adapters(model->tensors, &model->config, options->plan, options->seed, err);
    if (status == M2C_OK)
        status = trn_tensors_select(model->tensors, &options->selection, err);
    if (status == M2C_OK)
        status = trn_network_build(&model->config, model->tensors, &model->network, err);
    return status;
}

void trn_model_close(struct trn_model *model)
{
    trn_network_destroy(&model->network);
    trn_tensors_free(&model->tensors);
    *model = (struct trn_model){0};
}
