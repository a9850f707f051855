#include "model/profile.h"

#include "model/adapter_set.h"
#include "model/encoder.h"
#include "model/flop.h"

static const char *const stage_names[M2C_STAGE_COUNT] = {
    [M2C_STAGE_EMBED] = "embed",           [M2C_STAGE_PROJECT] = "project",
    [M2C_STAGE_ATTENTION] = "attention",   [M2C_STAGE_MERGE] = "merge",
    [M2C_STAGE_TED] = "ted_adapter",       [M2C_STAGE_MLP] = "mlp",
    [M2C_STAGE_LAST_BLOCK] = "last_block", [M2C_STAGE_HEADS] = "heads"};

const char *m2c_stage_name(enum m2c_stage stage)
{
    return stage_names[stage];
}

void m2c_encoder_set_profile(struct m2c_encoder *encoder, struct m2c_profile *profile)
{
    encoder->profile = profile;
}

static double ted_flop(const struct m2c_set *set, double rows, int layer)
{
    double width = set->config.vision.width;
    const struct m2c_ted_adapter *pre_attn = set->adapters.vision_pre_attn[layer];
    const struct m2c_ted_adapter *pre_mlp = set->adapters.vision_pre_mlp[layer];
    double hidden = (pre_attn ? 2.0 * (double)pre_attn->width : 0.0) +
                    (pre_mlp ? 2.0 * (double)pre_mlp->width : 0.0);
    return 2.0 * 2.0 * rows * width * hidden;
}

/* The stages of the whole blocks; the last block and the heads are what is left of the clip. */
double m2c_stage_flop(const struct m2c_set *set, int frames, enum m2c_stage stage)
{
    const struct m2c_config *config = &set->config;
    double width = config->vision.width;
    double tokens = (double)m2c_config_tokens(config);
    double rows = frames * tokens;
    double blocks = config->vision.layers - 1;
    double patch = 3.0 * config->patch_px * config->patch_px;
    double rest = m2c_set_clip_flop(set, frames) - m2c_clip_convolution_flop(set, frames);
    double ted = 0.0;
    for (int i = 0; i + 1 < config->vision.layers; i++)
        ted += ted_flop(set, rows, i);
    const double flop[M2C_STAGE_COUNT] = {
        [M2C_STAGE_EMBED] = 2.0 * frames * (tokens - 1) * patch * width,
        [M2C_STAGE_PROJECT] = blocks * 6.0 * rows * width * width,
        [M2C_STAGE_ATTENTION] = blocks * 4.0 * rows * tokens * width,
        [M2C_STAGE_MERGE] = blocks * 2.0 * rows * width * width,
        [M2C_STAGE_TED] = ted,
        [M2C_STAGE_MLP] = blocks * 4.0 * rows * width * config->vision.mlp_width,
    };
    if (stage == M2C_STAGE_HEADS)
        return 0.0;
    if (stage != M2C_STAGE_LAST_BLOCK)
        return flop[stage];
    for (int i = 0; i < M2C_STAGE_COUNT; i++)
        rest -= flop[i];
    return rest;
}
