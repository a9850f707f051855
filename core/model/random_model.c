#include "model/random_model.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/folder_file.h"
#include "model/whole_file.h"
#include "text/tokenizer.h"

enum { CLIP_VOCABULARY = 49408, CLIP_CONTEXT = 77, TOKENIZER_FILE_LIMIT_BYTES = 64 << 20 };

struct arch_row {
    const char *name;
    int vision_width, vision_layers, vision_heads, patch_px;
    int text_width, text_layers, text_heads, embed_dim; /* text blocks that encode */
    int vocabulary; /* beside the small tokenizer; 0: as large as that */
};

static const struct arch_row arch_rows[] = {
    [M2C_ARCH_VIT_B16] = {"vit-b16", 768, 12, 12, 16, 512, 12, 8, 512, CLIP_VOCABULARY},
    [M2C_ARCH_VIT_B32] = {"vit-b32", 768, 12, 12, 32, 512, 12, 8, 512, CLIP_VOCABULARY},
    [M2C_ARCH_VIT_L14] = {"vit-l14", 1024, 24, 16, 14, 768, 12, 12, 768, CLIP_VOCABULARY},
    [M2C_ARCH_TINY] = {"tiny", 128, 2, 2, 32, 128, 2, 2, 128, 0},
};

enum { ARCH_COUNT = sizeof arch_rows / sizeof arch_rows[0] };

const char *m2c_arch_name(enum m2c_arch arch)
{
    return arch_rows[arch].name;
}

enum m2c_status m2c_arch_parse(const char *name, enum m2c_arch *out, struct m2c_error *err)
{
    for (unsigned i = 0; i < ARCH_COUNT; i++) {
        if (strcmp(arch_rows[i].name, name) == 0) {
            *out = (enum m2c_arch)i;
            return M2C_OK;
        }
    }
    return m2c_fail_field(err, M2C_USAGE, "arch", "arch must be vit-b16, vit-b32, vit-l14 or tiny");
}

struct m2c_random_spec m2c_random_spec_defaults(enum m2c_arch arch)
{
    return (struct m2c_random_spec){.arch = arch, .classes = 400, .words = 500};
}

static struct m2c_tower_config tower(int width, int layers, int heads)
{
    return (struct m2c_tower_config){.width = width,
                                     .layers = layers,
                                     .heads = heads,
                                     .mlp_width = 4 * width,
                                     .activation = M2C_ACT_QUICK_GELU,
                                     .layer_norm_eps = 1e-5F};
}

void m2c_random_model_config(const struct m2c_random_spec *spec, int vocabulary,
                             struct m2c_config *out)
{
    const struct arch_row *row = &arch_rows[spec->arch];
    *out = (struct m2c_config){
        .vision = tower(row->vision_width, row->vision_layers, row->vision_heads),
        .text = tower(row->text_width, row->text_layers, row->text_heads),
        .image_px = 224,
        .patch_px = row->patch_px,
        .context_length = CLIP_CONTEXT,
        .vocabulary = vocabulary,
        .embed_dim = row->embed_dim,
        .num_frames = 8,
        .num_classes = spec->classes,
        .mlm_head_len = spec->words,
        .cmlm_block = row->text_layers,
        .stored_text_layers = row->text_layers + 1,
    };
}

static enum m2c_status check_spec(const struct m2c_random_spec *spec, struct m2c_error *err)
{
    if (spec->classes < 1 || spec->classes > M2C_MAX_CLASSES)
        return m2c_fail_field(err, M2C_USAGE, "classes", "classes must be 1..%d", M2C_MAX_CLASSES);
    if (spec->words < 1 || spec->words > M2C_MAX_VOCABULARY)
        return m2c_fail_field(err, M2C_USAGE, "words", "words must be 1..%d", M2C_MAX_VOCABULARY);
    return M2C_OK;
}

static enum m2c_status copy_file(const char *from_dir, const char *to_dir, const char *name,
                                 struct m2c_error *err)
{
    char from[M2C_PATH_BYTES], to[M2C_PATH_BYTES];
    char *bytes = NULL;
    size_t size = 0;
    enum m2c_status status = m2c_folder_path(from, from_dir, name, err);
    if (status == M2C_OK)
        status = m2c_folder_path(to, to_dir, name, err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(from, TOKENIZER_FILE_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK && bytes)
        status = m2c_whole_file_put(to, bytes, size, err);
    free(bytes);
    return status;
}

static enum m2c_status copy_tokenizer(const char *from_dir, const char *dir, int *vocabulary,
                                      struct m2c_error *err)
{
    static const char *const names[] = {"vocab.json", "merges.txt", "tokenizer.json",
                                        "bpe_simple_vocab_16e6.txt.gz"};
    struct m2c_tokenizer *tokenizer = NULL;
    enum m2c_status status = m2c_tokenizer_open(from_dir, &tokenizer, err);
    if (status != M2C_OK)
        return status;
    if (!tokenizer)
        return m2c_fail_field(err, M2C_USAGE, "tokenizer", "there is no tokenizer in that folder");
    *vocabulary = m2c_tokenizer_vocabulary(tokenizer);
    m2c_tokenizer_free(&tokenizer);
    for (size_t i = 0; status == M2C_OK && i < sizeof names / sizeof names[0]; i++)
        status = copy_file(from_dir, dir, names[i], err);
    return status;
}

static json_t *config_json(const struct m2c_config *config)
{
    int adapter_width = config->vision.width / 2, stored = config->stored_text_layers;
    /* Those with `adapter` in their name are the authors' and only inform: tensors decide. */
    return json_pack(
        "{s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:b,s:i,s:i,s:i,s:i,s:i,s:i,s:i,s:b,s:b,"
        "s:i,s:i,s:i,s:s,s:f,s:i,s:b}",
        "embed_dim", config->embed_dim, "image_resolution", config->image_px, "vision_patch_size",
        config->patch_px, "vision_width", config->vision.width, "vision_layers",
        config->vision.layers, "vision_heads", config->vision.heads, "vision_adapter_width",
        adapter_width, "vision_adapter_layers", config->vision.layers, "vision_adapter_pre_attn", 0,
        "vision_adapter_pre_mlp", 1, "context_length", config->context_length, "vocab_size",
        config->vocabulary, "transformer_width", config->text.width, "transformer_heads",
        config->text.heads, "transformer_layers", stored, "text_adapter_width", adapter_width,
        "text_adapter_layers", 2, "text_adapter_pre_attn", 0, "text_adapter_pre_mlp", 1,
        "num_classes", config->num_classes, "num_frames", config->num_frames, "mlm_head_len",
        config->mlm_head_len, "hidden_act", "quick_gelu", "layer_norm_eps", 1e-5, "cmlm_block",
        config->cmlm_block, "untrained", 1);
}

static enum m2c_status write_config(const struct m2c_config *config, const char *dir,
                                    struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status = m2c_folder_path(path, dir, "config.json", err);
    if (status != M2C_OK)
        return status;
    json_t *root = config_json(config);
    /* Fewer digits than a double holds print 1e-5 as it is meant. */
    char *text = root ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    status = text ? m2c_whole_file_put(path, text, strlen(text), err)
                  : m2c_fail_memory(err, "config.json", 0);
    free(text);
    json_decref(root);
    return status;
}

enum m2c_status m2c_random_model_write(const struct m2c_random_spec *spec, const char *dir,
                                       struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    struct m2c_config config;
    int vocabulary = 0, at_least = arch_rows[spec->arch].vocabulary;
    enum m2c_status status = check_spec(spec, err);
    if (status != M2C_OK)
        return status;
    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return m2c_fail_errno(err, "making the model folder", dir);
    if (spec->tokenizer_dir)
        status = copy_tokenizer(spec->tokenizer_dir, dir, &vocabulary, err);
    else
        status = m2c_tokenizer_write_bytes(dir, &vocabulary, err);
    if (!spec->tokenizer_dir && vocabulary < at_least)
        vocabulary = at_least;
    if (status == M2C_OK)
        status = m2c_folder_path(path, dir, "model.safetensors", err);
    if (status != M2C_OK)
        return status;
    m2c_random_model_config(spec, vocabulary, &config);
    status = m2c_random_weights_write(&config, spec->seed, path, err);
    return status == M2C_OK ? write_config(&config, dir, err) : status;
}
