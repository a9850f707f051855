#include "model/adapter_set.h"

#include <stdlib.h>
#include <string.h>

#include "model/adapter_config.h"
#include "model/encoder.h"
#include "model/folder_file.h"

const struct m2c_set_info *m2c_set_info(const struct m2c_set *set)
{
    return &set->info;
}

const struct m2c_adapters *m2c_set_adapters(const struct m2c_set *set)
{
    return &set->adapters;
}

/* Names of the K classes or M words: as many as the head has outputs, generated where no file
 * names them. */
static enum m2c_status settle_names(struct m2c_label_list *names, size_t count, const char *what,
                                    const char *prefix, struct m2c_error *err)
{
    if (count == 0 || names->count == count)
        return M2C_OK;
    if (names->count == 0)
        return m2c_label_list_generate(prefix, count, names, err);
    return m2c_fail(err, M2C_BAD_MODEL, "%s holds %zu names, but the head has %zu outputs", what,
                    names->count, count);
}

static void add_list(struct m2c_digest *digest, char *const *texts, size_t count)
{
    m2c_digest_add(digest, &count, sizeof count);
    for (size_t i = 0; i < count; i++)
        m2c_digest_add_text(digest, texts[i]);
}

static void add_preprocess(struct m2c_digest *digest, const struct m2c_preprocess *preprocess)
{
    int numbers[4] = {preprocess->frames, preprocess->stride, preprocess->size_px,
                      (int)preprocess->resize};
    m2c_digest_add(digest, numbers, sizeof numbers);
    m2c_digest_add(digest, preprocess->mean, sizeof preprocess->mean);
    m2c_digest_add(digest, preprocess->std, sizeof preprocess->std);
    add_list(digest, preprocess->templates.texts, preprocess->templates.count);
    add_list(digest, preprocess->background.texts, preprocess->background.count);
}

/* Fields one by one: padding between them is not part of what a config says. */
static void add_config(struct m2c_digest *digest, const struct m2c_config *config)
{
    const struct m2c_tower_config *towers[2] = {&config->vision, &config->text};
    for (int i = 0; i < 2; i++) {
        int numbers[5] = {towers[i]->width, towers[i]->layers, towers[i]->heads,
                          towers[i]->mlp_width, (int)towers[i]->activation};
        m2c_digest_add(digest, numbers, sizeof numbers);
        m2c_digest_add(digest, &towers[i]->layer_norm_eps, sizeof towers[i]->layer_norm_eps);
    }
    int numbers[5] = {config->image_px, config->patch_px, config->context_length,
                      config->vocabulary, config->embed_dim};
    m2c_digest_add(digest, numbers, sizeof numbers);
}

/* The version: 12 hex digits over weights, config, labels and preprocessing. */
static enum m2c_status set_version(const struct m2c_set_source *source, struct m2c_set *set,
                                   struct m2c_error *err)
{
    unsigned char own[M2C_DIGEST_BYTES];
    char hex[M2C_DIGEST_HEX_BYTES];
    struct m2c_digest *digest = NULL;
    bool adapters = strcmp(set->name, "base") != 0;
    enum m2c_status status = m2c_digest_new(&digest, err);
    if (status != M2C_OK)
        return status;
    m2c_digest_add(digest, source->weights_digest, sizeof source->weights_digest);
    m2c_digest_add(digest, &adapters, sizeof adapters);
    if (set->weights) {
        status = m2c_weights_digest(set->weights, own, err);
        m2c_digest_add(digest, own, sizeof own);
    }
    add_config(digest, &set->config);
    add_list(digest, set->labels.names, set->labels.count);
    add_list(digest, set->words.names, set->words.count);
    add_preprocess(digest, &set->preprocess);
    if (status == M2C_OK)
        status = m2c_digest_finish(digest, own, err);
    m2c_digest_free(&digest);
    if (status != M2C_OK)
        return status;
    m2c_digest_hex(own, hex);
    memcpy(set->info.version, hex, sizeof set->info.version - 1);
    return M2C_OK;
}

/* Checks the head sizes a config names against the tensors, and fills the public facts. */
static enum m2c_status settle(const struct m2c_set_source *source, const char *files,
                              struct m2c_set *set, struct m2c_error *err)
{
    struct m2c_set_info *info = &set->info;
    size_t classes = set->adapters.vc ? m2c_linear_out(set->adapters.vc) : 0;
    size_t words = set->adapters.mlm ? m2c_linear_out(set->adapters.mlm->decoder) : 0;
    if (classes && set->config.num_classes && (size_t)set->config.num_classes != classes)
        return m2c_fail_field(err, M2C_BAD_MODEL, "num_classes",
                              "the config names %d classes, but the head has %zu",
                              set->config.num_classes, classes);
    if (words && set->config.mlm_head_len && (size_t)set->config.mlm_head_len != words)
        return m2c_fail_field(err, M2C_BAD_MODEL, "mlm_head_len",
                              "the config names %d words, but the head has %zu",
                              set->config.mlm_head_len, words);
    enum m2c_status status = m2c_folder_labels(files, &set->labels, err);
    if (status == M2C_OK)
        status = m2c_folder_words(files, &set->words, err);
    info->labels_named = set->labels.count > 0;
    if (status == M2C_OK)
        status = settle_names(&set->labels, classes, "labels.csv", "class", err);
    if (status == M2C_OK)
        status = settle_names(&set->words, words, "cmlm_words.txt", "word", err);
    if (status == M2C_OK)
        status = set_version(source, set, err);
    info->name = set->name;
    info->has_vc = classes > 0;
    info->has_cmlm = words > 0;
    info->classes = (int)classes;
    info->cmlm_words = (int)words;
    info->dim = set->config.embed_dim;
    info->labels = &set->labels;
    info->words = &set->words;
    info->preprocess = &set->preprocess;
    return status;
}

enum m2c_status m2c_set_load_inner(const struct m2c_set_source *source, bool with_adapters,
                                   struct m2c_set *set, struct m2c_error *err)
{
    struct m2c_preprocess_sources preprocess = {
        .dir = source->dir, .config = source->config, .has_adapters = with_adapters};
    *set = (struct m2c_set){.config = *source->config};
    set->name = strdup(with_adapters ? "default" : "base");
    if (!set->name)
        return m2c_fail_memory(err, "a set's name", sizeof "default");
    enum m2c_status status = with_adapters
                                 ? m2c_adapters_load(source->config, source->weights, source->kind,
                                                     source->team, &set->adapters, err)
                                 : m2c_adapters_none(source->config, &set->adapters, err);
    if (status == M2C_OK)
        status = m2c_preprocess_load(&preprocess, &set->preprocess, err);
    if (status == M2C_OK)
        status = settle(source, source->dir, set, err);
    if (status != M2C_OK)
        m2c_set_destroy(set);
    return status;
}

/* adapters/<name>/config.json: what the heads were trained for, on which base. */
static enum m2c_status read_set_config(const struct m2c_set_source *source, const char *set_dir,
                                       struct m2c_set *set, struct m2c_error *err)
{
    struct m2c_adapter_config own;
    enum m2c_status status = m2c_adapter_config_load(set_dir, &own, err);
    if (status == M2C_OK)
        status =
            m2c_adapter_config_check(&own, source->base_digest, source->config->text.layers, err);
    if (status != M2C_OK)
        return status;
    set->config.num_frames = own.num_frames;
    set->config.num_classes = own.num_classes;
    set->config.mlm_head_len = own.mlm_head_len;
    return M2C_OK;
}

enum m2c_status m2c_set_load_folder(const struct m2c_set_source *source, const char *name,
                                    struct m2c_set *set, struct m2c_error *err)
{
    char adapters_dir[M2C_PATH_BYTES];
    char set_dir[M2C_PATH_BYTES];
    char path[M2C_PATH_BYTES];
    *set = (struct m2c_set){.config = *source->config};
    set->name = strdup(name);
    if (!set->name)
        return m2c_fail_memory(err, "a set's name", strlen(name) + 1);
    enum m2c_status status = m2c_folder_path(adapters_dir, source->dir, "adapters", err);
    if (status == M2C_OK)
        status = m2c_folder_path(set_dir, adapters_dir, name, err);
    if (status == M2C_OK)
        status = m2c_folder_path(path, set_dir, "adapters.safetensors", err);
    if (status == M2C_OK)
        status = read_set_config(source, set_dir, set, err);
    if (status == M2C_OK)
        status = m2c_weights_open_file(path, &set->weights, err);
    if (status == M2C_OK)
        status = m2c_weights_require_adapters(set->weights, err);
    if (status == M2C_OK)
        status = m2c_adapters_load(&set->config, set->weights, source->kind, source->team,
                                   &set->adapters, err);
    if (status == M2C_OK)
        status = m2c_weights_check_finite(set->weights, err);
    struct m2c_preprocess_sources preprocess = {.dir = source->dir,
                                                .set_dir = set_dir,
                                                .config = source->config,
                                                .set_frames = set->config.num_frames,
                                                .has_adapters = true};
    if (status == M2C_OK)
        status = m2c_preprocess_load(&preprocess, &set->preprocess, err);
    if (status == M2C_OK)
        status = settle(source, set_dir, set, err);
    if (status == M2C_OK)
        m2c_weights_give_back(set->weights);
    else
        m2c_set_destroy(set);
    return status;
}

void m2c_set_destroy(struct m2c_set *set)
{
    m2c_adapters_destroy(&set->adapters, &set->config);
    m2c_label_list_destroy(&set->labels);
    m2c_label_list_destroy(&set->words);
    m2c_preprocess_destroy(&set->preprocess);
    m2c_weights_free(&set->weights);
    free(set->name);
    *set = (struct m2c_set){0};
}
