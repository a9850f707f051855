/* What a batch must hold before a step may run on it. */
#include "train/step.h"
#include "train/text.h"

static enum m2c_status check_ids(const struct trn_network *network, const int32_t *ids,
                                 size_t texts, struct m2c_error *err)
{
    size_t context = (size_t)network->config.context_length;
    for (size_t i = 0; i < texts * context; i++) {
        if (ids[i] < 0 || ids[i] >= network->config.vocabulary)
            return m2c_fail(err, M2C_INVALID_REQUEST,
                            "text %zu holds the id %d; the vocabulary has ids 0 to %d", i / context,
                            ids[i], network->config.vocabulary - 1);
    }
    return M2C_OK;
}

static enum m2c_status check_targets(const struct trn_network *network,
                                     const struct trn_batch *batch, struct m2c_error *err)
{
    size_t context = (size_t)network->config.context_length;
    size_t words = network->cmlm.decoder.out;
    for (size_t i = 0; i < batch->clips * context; i++) {
        int32_t target = batch->masked_targets[i];
        if (target != TRN_NO_TARGET && (target < 0 || (size_t)target >= words))
            return m2c_fail(err, M2C_INVALID_REQUEST,
                            "clip %zu masks the word %d; the head knows words 0 to %zu",
                            i / context, target, words - 1);
    }
    return M2C_OK;
}

static enum m2c_status check_labels(const struct trn_batch *batch, size_t classes, const char *head,
                                    struct m2c_error *err)
{
    for (size_t b = 0; b < batch->clips; b++) {
        if (batch->labels[b] < 0 || (size_t)batch->labels[b] >= classes)
            return m2c_fail(err, M2C_INVALID_REQUEST,
                            "clip %zu has the label %d; %s has labels 0 to %zu", b,
                            batch->labels[b], head, classes - 1);
    }
    return M2C_OK;
}

enum m2c_status trn_batch_check(const struct trn_network *network, const struct trn_losses *weights,
                                const struct trn_batch *batch, struct m2c_error *err)
{
    size_t vc_classes = network->vision.vc.out;
    enum m2c_status status = M2C_OK;
    if (batch->clips == 0 || batch->frames == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "a batch needs a clip with a frame");
    if (weights->vc > 0 && vc_classes == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the VC loss needs a VC head");
    if (weights->cmlm > 0 && !network->cmlm.present)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the CMLM loss needs a CMLM head");
    if (weights->cmc > 0 && batch->classes == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the CMC loss needs label texts");
    if (weights->vc > 0)
        status = check_labels(batch, vc_classes, "the VC head", err);
    if (status == M2C_OK && weights->cmc > 0)
        status = check_labels(batch, batch->classes, "the list of label texts", err);
    if (status == M2C_OK && weights->cmc > 0)
        status = check_ids(network, batch->label_tokens, batch->classes, err);
    if (status == M2C_OK && (weights->contrastive > 0 || weights->cmlm > 0))
        status = check_ids(network, batch->masked_tokens, batch->clips, err);
    if (status == M2C_OK && weights->cmlm > 0)
        status = check_targets(network, batch, err);
    return status;
}
