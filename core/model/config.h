/* Architecture of a model folder: `config.json` in either form, as one struct.
 *
 * The M2-CLIP form is the one with `vision_width`; any other object is read as Hugging Face's
 * CLIPModel, with that library's own defaults.
 */
#ifndef M2C_MODEL_CONFIG_H
#define M2C_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "status.h"

enum m2c_activation { M2C_ACT_NONE, M2C_ACT_QUICK_GELU, M2C_ACT_GELU };

/* Ceilings that a config is checked against, so that every later product of sizes fits. */
enum {
    M2C_MAX_LAYERS = 128,
    M2C_MAX_WIDTH = 16384,
    M2C_MAX_IMAGE_PX = 4096,
    M2C_MAX_VOCABULARY = 1 << 22,
    M2C_MAX_CONTEXT = 1024,
    M2C_MAX_CLASSES = 1 << 20,
};

/* One transformer tower. */
struct m2c_tower_config {
    int width;  /* C or Ct */
    int layers; /* blocks that encode: the CMLM block is not counted */
    int heads;
    int mlp_width;
    enum m2c_activation activation;
    float layer_norm_eps;
};

struct m2c_config {
    bool huggingface_form;
    bool untrained; /* `"untrained": true`: random weights, as `init` writes them */
    struct m2c_tower_config vision, text;
    int image_px, patch_px; /* square; image_px is a multiple of patch_px */
    int context_length;     /* 77 */
    int vocabulary;
    int embed_dim;    /* E */
    int num_frames;   /* T the checkpoint was trained with; 0 when the config does not say */
    int num_classes;  /* K; 0 when the config does not say: the VC head's tensor decides */
    int mlm_head_len; /* M; 0 when the config does not say: the decoder's tensor decides */
    int cmlm_block; /* stored index of the CMLM block as the config names it, -1 when it does not */
    int stored_text_layers; /* transformer_layers as written (flat form) */
};

/* Parses `bytes` of config.json. Unknown members are ignored, wrong types and values outside the
 * ceilings are M2C_BAD_MODEL with the member's name in `field`. `layers` of the text tower is
 * `stored_text_layers` here; m2c_config_settle lowers it once the tensors are known. */
M2C_MUST_USE enum m2c_status m2c_config_parse(const char *bytes, size_t size,
                                              struct m2c_config *out, struct m2c_error *err);

/* Reads DIR/config.json (at most 1 MiB) and parses it. */
M2C_MUST_USE enum m2c_status m2c_config_load(const char *dir, struct m2c_config *out,
                                             struct m2c_error *err);

/* A CMLM block exists iff the config names one or the weights hold `mlm_adapter.*` (flat form): it
 * is the last stored text block, so the text tower encodes with one block less, and cmlm_block says
 * which. A single stored block encodes and is never a CMLM block. */
void m2c_config_settle(struct m2c_config *config, bool has_mlm_adapter);

#endif
