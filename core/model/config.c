#include "model/config.h"

#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/json_members.h"

enum { CONFIG_LIMIT_BYTES = 1 << 20, HEAD_WIDTH = 64, CLIP_FRAMES_MAX = 64 };

static void read_activation(struct m2c_members *reader, enum m2c_activation *out)
{
    const char *name = "quick_gelu";
    (void)m2c_members_text(reader, "hidden_act", &name);
    if (strcmp(name, "quick_gelu") == 0)
        *out = M2C_ACT_QUICK_GELU;
    else if (strcmp(name, "gelu") == 0)
        *out = M2C_ACT_GELU;
    else
        m2c_members_fail(reader, "hidden_act",
                         "names an unknown activation (quick_gelu and gelu are known)");
}

static void read_eps(struct m2c_members *reader, float *out)
{
    *out = 1e-5F;
    (void)m2c_members_float(reader, "layer_norm_eps", 1e-12, 0.1, out);
}

/* What the heads were trained for: optional in both forms. */
static void read_heads(struct m2c_members *reader, struct m2c_config *out)
{
    const json_t *untrained = m2c_members_get(reader, "untrained");
    if (untrained && !json_is_boolean(untrained))
        m2c_members_fail(reader, "untrained", "must be true or false");
    out->untrained = json_is_true(untrained);
    (void)m2c_members_int(reader, "num_frames", 1, CLIP_FRAMES_MAX, &out->num_frames);
    (void)m2c_members_int(reader, "num_classes", 0, M2C_MAX_CLASSES, &out->num_classes);
    (void)m2c_members_int(reader, "mlm_head_len", 0, M2C_MAX_VOCABULARY, &out->mlm_head_len);
}

static void read_flat_vision(struct m2c_members *reader, struct m2c_config *out)
{
    struct m2c_tower_config *vision = &out->vision;
    m2c_members_require_int(reader, "vision_width", 1, M2C_MAX_WIDTH, &vision->width);
    m2c_members_require_int(reader, "vision_layers", 1, M2C_MAX_LAYERS, &vision->layers);
    m2c_members_require_int(reader, "vision_patch_size", 1, M2C_MAX_IMAGE_PX, &out->patch_px);
    m2c_members_require_int(reader, "image_resolution", 1, M2C_MAX_IMAGE_PX, &out->image_px);
    vision->heads = vision->width / HEAD_WIDTH;
    if (!m2c_members_int(reader, "vision_heads", 1, M2C_MAX_WIDTH, &vision->heads) &&
        vision->width % HEAD_WIDTH != 0)
        m2c_members_fail(reader, "vision_heads",
                         "is missing, and vision_width is no multiple of 64");
    vision->mlp_width = 4 * vision->width;
}

static void read_flat_text(struct m2c_members *reader, struct m2c_config *out)
{
    struct m2c_tower_config *text = &out->text;
    m2c_members_require_int(reader, "transformer_width", 1, M2C_MAX_WIDTH, &text->width);
    m2c_members_require_int(reader, "transformer_layers", 1, M2C_MAX_LAYERS, &text->layers);
    m2c_members_require_int(reader, "transformer_heads", 1, M2C_MAX_WIDTH, &text->heads);
    m2c_members_require_int(reader, "context_length", 3, M2C_MAX_CONTEXT, &out->context_length);
    m2c_members_require_int(reader, "vocab_size", 3, M2C_MAX_VOCABULARY, &out->vocabulary);
    text->mlp_width = 4 * text->width;
    out->stored_text_layers = text->layers;
}

static void read_flat(struct m2c_members *reader, struct m2c_config *out)
{
    read_flat_vision(reader, out);
    read_flat_text(reader, out);
    m2c_members_require_int(reader, "embed_dim", 1, M2C_MAX_WIDTH, &out->embed_dim);
    read_activation(reader, &out->vision.activation);
    read_eps(reader, &out->vision.layer_norm_eps);
    out->text.activation = out->vision.activation;
    out->text.layer_norm_eps = out->vision.layer_norm_eps;
    if (m2c_members_int(reader, "cmlm_block", 0, M2C_MAX_LAYERS, &out->cmlm_block) &&
        (out->cmlm_block == 0 || out->cmlm_block != out->stored_text_layers - 1))
        m2c_members_fail(reader, "cmlm_block",
                         "must be the last of transformer_layers, which must be two or more");
}

/* text_config or vision_config. Old exports repeat it as text_config_dict, which then wins as it
 * does in the library that wrote it. An absent object reads as `empty`: all defaults. */
static const json_t *tower_object(struct m2c_members *top, const char *key, const char *older_key,
                                  const json_t *empty)
{
    const json_t *object = m2c_members_get(top, older_key);
    if (!object)
        object = m2c_members_get(top, key);
    if (!object)
        return empty;
    if (json_is_object(object))
        return object;
    m2c_members_fail(top, key, "must be an object");
    return empty;
}

static void read_tower(struct m2c_members *reader, struct m2c_tower_config *out)
{
    (void)m2c_members_int(reader, "hidden_size", 1, M2C_MAX_WIDTH, &out->width);
    (void)m2c_members_int(reader, "num_hidden_layers", 1, M2C_MAX_LAYERS, &out->layers);
    (void)m2c_members_int(reader, "num_attention_heads", 1, M2C_MAX_WIDTH, &out->heads);
    (void)m2c_members_int(reader, "intermediate_size", 1, 4 * M2C_MAX_WIDTH, &out->mlp_width);
    read_activation(reader, &out->activation);
    read_eps(reader, &out->layer_norm_eps);
}

/* `reader` stands on text_config here, on vision_config below; each leaves the tower's own
 * projection_dim in *projection where it says one. */
static void read_huggingface_text(struct m2c_members *reader, struct m2c_config *out,
                                  int *projection)
{
    out->text =
        (struct m2c_tower_config){.width = 512, .layers = 12, .heads = 8, .mlp_width = 2048};
    out->vocabulary = 49408;
    out->context_length = 77;
    read_tower(reader, &out->text);
    (void)m2c_members_int(reader, "vocab_size", 3, M2C_MAX_VOCABULARY, &out->vocabulary);
    (void)m2c_members_int(reader, "max_position_embeddings", 3, M2C_MAX_CONTEXT,
                          &out->context_length);
    (void)m2c_members_int(reader, "projection_dim", 1, M2C_MAX_WIDTH, projection);
    out->stored_text_layers = out->text.layers;
}

static void read_huggingface_vision(struct m2c_members *reader, struct m2c_config *out,
                                    int *projection)
{
    out->vision =
        (struct m2c_tower_config){.width = 768, .layers = 12, .heads = 12, .mlp_width = 3072};
    out->image_px = 224;
    out->patch_px = 32;
    read_tower(reader, &out->vision);
    (void)m2c_members_int(reader, "image_size", 1, M2C_MAX_IMAGE_PX, &out->image_px);
    (void)m2c_members_int(reader, "patch_size", 1, M2C_MAX_IMAGE_PX, &out->patch_px);
    (void)m2c_members_int(reader, "projection_dim", 1, M2C_MAX_WIDTH, projection);
}

static void read_huggingface(struct m2c_members *reader, struct m2c_config *out)
{
    const json_t *top = reader->object;
    int text_says = 0, vision_says = 0;
    json_t *empty = json_object();
    const json_t *text = tower_object(reader, "text_config", "text_config_dict", empty);
    const json_t *vision = tower_object(reader, "vision_config", "vision_config_dict", empty);
    reader->object = text;
    read_huggingface_text(reader, out, &text_says);
    reader->object = vision;
    read_huggingface_vision(reader, out, &vision_says);
    reader->object = top;
    json_decref(empty);
    /* The top level wins; where it is silent, the towers must agree. */
    out->embed_dim = text_says > 0 ? text_says : vision_says > 0 ? vision_says : 512;
    if (!m2c_members_int(reader, "projection_dim", 1, M2C_MAX_WIDTH, &out->embed_dim) &&
        text_says > 0 && vision_says > 0 && text_says != vision_says)
        m2c_members_fail(reader, "projection_dim", "differs between the towers");
}

static enum m2c_status check_tower(const char *name, const struct m2c_tower_config *tower,
                                   struct m2c_error *err)
{
    if (tower->heads < 1 || tower->width % tower->heads != 0)
        return m2c_fail(err, M2C_BAD_MODEL,
                        "config.json: %d attention heads do not divide the %s width %d",
                        tower->heads, name, tower->width);
    return M2C_OK;
}

static enum m2c_status check(const struct m2c_config *config, struct m2c_error *err)
{
    enum m2c_status status = check_tower("vision", &config->vision, err);
    if (status == M2C_OK)
        status = check_tower("text", &config->text, err);
    if (status == M2C_OK && config->image_px % config->patch_px != 0)
        status = m2c_fail(err, M2C_BAD_MODEL,
                          "config.json: an image of %d px is no multiple of patches of %d px",
                          config->image_px, config->patch_px);
    return status;
}

enum m2c_status m2c_config_parse(const char *bytes, size_t size, struct m2c_config *out,
                                 struct m2c_error *err)
{
    json_t *root = NULL;
    enum m2c_status status = m2c_members_parse("config.json", bytes, size, &root, err);
    if (status != M2C_OK)
        return status;
    struct m2c_members reader = {.object = root, .file = "config.json", .err = err};
    *out = (struct m2c_config){.cmlm_block = -1};
    out->huggingface_form = json_object_get(root, "vision_width") == NULL;
    if (out->huggingface_form)
        read_huggingface(&reader, out);
    else
        read_flat(&reader, out);
    read_heads(&reader, out);
    json_decref(root);
    return reader.status != M2C_OK ? reader.status : check(out, err);
}

enum m2c_status m2c_config_load(const char *dir, struct m2c_config *out, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    char *bytes = NULL;
    size_t size = 0;
    enum m2c_status status = m2c_folder_path(path, dir, "config.json", err);
    if (status == M2C_OK)
        status = m2c_folder_read(path, CONFIG_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK)
        status = m2c_config_parse(bytes, size, out, err);
    free(bytes);
    return status;
}

void m2c_config_settle(struct m2c_config *config, bool has_mlm_adapter)
{
    if (config->huggingface_form || config->stored_text_layers < 2)
        return;
    if (config->cmlm_block < 0 && has_mlm_adapter)
        config->cmlm_block = config->stored_text_layers - 1;
    if (config->cmlm_block >= 0)
        config->text.layers = config->stored_text_layers - 1;
}
