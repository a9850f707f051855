/* A loaded model folder: the base once, the adapter sets on it. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter_set.h"
#include "model/encoder.h"
#include "model/folder_file.h"
#include "model/foundation.h"
#include "runtime/cpu.h"

enum { MAX_SETS = 1024 };

struct m2c_model {
    struct m2c_foundation *foundation;
    struct m2c_set *sets;
    size_t set_count;
    const struct m2c_set *default_set;
    struct m2c_hidden_widths widths;
    size_t weight_bytes, linear_scratch_bytes;
};

static int skip_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

/* The names under DIR/adapters in byte order; 0 where there is no such folder. */
static enum m2c_status list_adapter_folders(const char *dir, struct dirent ***entries, int *count,
                                            struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    *entries = NULL;
    *count = 0;
    enum m2c_status status = m2c_folder_path(path, dir, "adapters", err);
    if (status != M2C_OK)
        return status;
    int found = scandir(path, entries, skip_hidden, by_bytes);
    if (found < 0)
        return errno == ENOENT ? M2C_OK : m2c_fail_errno(err, "listing the adapter sets", path);
    *count = found;
    return M2C_OK;
}

static void free_entries(struct dirent **entries, int count)
{
    for (int i = 0; i < count; i++)
        free(entries[i]);
    free(entries);
}

static bool is_reserved(const char *name)
{
    return strcmp(name, "base") == 0 || strcmp(name, "default") == 0;
}

static enum m2c_status load_folder_sets(struct m2c_model *model,
                                        const struct m2c_set_source *source,
                                        struct dirent **entries, int count, struct m2c_error *err)
{
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (is_reserved(name))
            return m2c_fail(err, M2C_BAD_MODEL, "an adapter set may not be named %s", name);
        enum m2c_status status =
            m2c_set_load_folder(source, name, &model->sets[model->set_count], err);
        if (status != M2C_OK)
            return status;
        model->set_count++;
    }
    return M2C_OK;
}

static enum m2c_status load_sets(struct m2c_model *model, struct m2c_set_source *source,
                                 struct m2c_error *err)
{
    struct dirent **entries;
    int folders;
    size_t total;
    size_t adapters;
    m2c_weights_parameters(model->foundation->weights, &total, &adapters);
    enum m2c_status status = list_adapter_folders(source->dir, &entries, &folders, err);
    if (status != M2C_OK)
        return status;
    if (folders > MAX_SETS) {
        status = m2c_fail(err, M2C_BAD_MODEL, "%d adapter sets exceed %d", folders, MAX_SETS);
        goto out;
    }
    model->sets = calloc((size_t)folders + 2, sizeof *model->sets);
    if (!model->sets) {
        status = m2c_fail_memory(err, "adapter sets", ((size_t)folders + 2) * sizeof *model->sets);
        goto out;
    }
    for (int with_adapters = 0; with_adapters <= (adapters > 0); with_adapters++) {
        status =
            m2c_set_load_inner(source, with_adapters == 1, &model->sets[model->set_count], err);
        if (status != M2C_OK)
            goto out;
        model->set_count++;
    }
    if (folders > 0)
        status = m2c_foundation_base_digest(model->foundation, source->base_digest, err);
    if (status == M2C_OK)
        status = load_folder_sets(model, source, entries, folders, err);
out:
    free_entries(entries, folders);
    return status;
}

/* --adapter, else `default`, else the only folder, else `base`. */
static enum m2c_status choose_default(struct m2c_model *model, const char *wanted,
                                      struct m2c_error *err)
{
    size_t last = model->set_count - 1;
    for (size_t i = 0; i < model->set_count; i++) {
        if (strcmp(model->sets[i].name, wanted ? wanted : "default") == 0)
            model->default_set = &model->sets[i];
    }
    if (model->default_set)
        return M2C_OK;
    if (wanted)
        return m2c_fail_field(err, M2C_MODEL_NOT_FOUND, "adapter",
                              "the folder has no adapter set of that name");
    model->default_set = &model->sets[last == 1 ? 1 : 0];
    return M2C_OK;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static void widen_for_set(struct m2c_hidden_widths *widths, const struct m2c_set *set)
{
    const struct m2c_adapters *adapters = &set->adapters;
    for (int i = 0; i < set->config.vision.layers; i++) {
        if (adapters->vision_pre_attn[i])
            widths->ted = larger(widths->ted, 2 * adapters->vision_pre_attn[i]->width);
        if (adapters->vision_pre_mlp[i])
            widths->ted = larger(widths->ted, 2 * adapters->vision_pre_mlp[i]->width);
    }
    for (int i = 0; i <= set->config.text.layers; i++) {
        if (adapters->text_pre_attn[i])
            widths->scratch =
                larger(widths->scratch, m2c_linear_out(adapters->text_pre_attn[i]->fc1));
        if (adapters->text_pre_mlp[i])
            widths->scratch =
                larger(widths->scratch, m2c_linear_out(adapters->text_pre_mlp[i]->fc1));
    }
    if (adapters->frame)
        widths->frame = larger(widths->frame, adapters->frame->width);
    widths->scratch = larger(widths->scratch, widths->ted);
}

static void measure_layer(void *argument, const struct m2c_linear *layer)
{
    struct m2c_model *model = argument;
    model->weight_bytes += m2c_linear_bytes(layer);
    model->linear_scratch_bytes =
        larger(model->linear_scratch_bytes, m2c_linear_scratch_bytes(layer));
}

static void measure_layers(struct m2c_model *model)
{
    model->weight_bytes = model->foundation->base.tokens->bytes;
    m2c_base_visit(&model->foundation->base, measure_layer, model);
    for (size_t i = 0; i < model->set_count; i++)
        m2c_adapters_visit(&model->sets[i].adapters, &model->foundation->config, measure_layer,
                           model);
}

static void measure_widths(struct m2c_model *model)
{
    const struct m2c_config *config = &model->foundation->config;
    size_t patch = 3 * (size_t)config->patch_px * (size_t)config->patch_px;
    model->widths.scratch = larger(patch, (size_t)config->embed_dim);
    model->widths.scratch = larger(model->widths.scratch, (size_t)config->vision.mlp_width);
    model->widths.scratch = larger(model->widths.scratch, (size_t)config->text.mlp_width);
    for (size_t i = 0; i < model->set_count; i++)
        widen_for_set(&model->widths, &model->sets[i]);
}

/* The lender's foundation where it still stands for the folder, else one loaded anew. */
static enum m2c_status find_foundation(const struct m2c_model_options *options,
                                       struct m2c_team *team, struct m2c_foundation **out,
                                       struct m2c_error *err)
{
    bool same = false;
    if (options->share) {
        enum m2c_status status =
            m2c_foundation_matches(options->share->foundation, options, &same, err);
        if (status != M2C_OK)
            return status;
    }
    if (!same)
        return m2c_foundation_load(options, team, out, err);
    *out = m2c_foundation_ref(options->share->foundation);
    return M2C_OK;
}

static enum m2c_status load(struct m2c_model *model, const struct m2c_model_options *options,
                            struct m2c_team *team, struct m2c_error *err)
{
    enum m2c_status status = find_foundation(options, team, &model->foundation, err);
    if (status != M2C_OK)
        return status;
    struct m2c_foundation *foundation = model->foundation;
    struct m2c_set_source source = {.dir = options->dir,
                                    .config = &foundation->config,
                                    .weights = foundation->weights,
                                    .kind = foundation->kind,
                                    .team = team};
    memcpy(source.weights_digest, foundation->weights_digest, sizeof source.weights_digest);
    status = load_sets(model, &source, err);
    if (status == M2C_OK && !(options->share && options->share->foundation == foundation))
        status = m2c_weights_check_finite(foundation->weights, err);
    if (status == M2C_OK)
        status = choose_default(model, options->default_set, err);
    return status;
}

enum m2c_status m2c_model_load(const struct m2c_model_options *options, struct m2c_model **out,
                               struct m2c_error *err)
{
    struct m2c_model *model = calloc(1, sizeof *model);
    struct m2c_team *team = NULL;
    *out = NULL;
    if (!model)
        return m2c_fail_memory(err, "a model", sizeof *model);
    enum m2c_status status = m2c_team_new(m2c_cpu_count(), &team, err);
    if (status == M2C_OK)
        status = load(model, options, team, err);
    m2c_team_free(&team);
    if (status != M2C_OK) {
        m2c_model_free(&model);
        return status;
    }
    m2c_weights_give_back(model->foundation->weights);
    measure_widths(model);
    measure_layers(model);
    *out = model;
    return M2C_OK;
}

void m2c_model_free(struct m2c_model **model_pointer)
{
    struct m2c_model *model = *model_pointer;
    *model_pointer = NULL;
    if (!model)
        return;
    for (size_t i = 0; i < model->set_count; i++)
        m2c_set_destroy(&model->sets[i]);
    free(model->sets);
    m2c_foundation_unref(model->foundation);
    free(model);
}

const struct m2c_config *m2c_model_config(const struct m2c_model *model)
{
    return &model->foundation->config;
}

enum m2c_precision m2c_model_precision(const struct m2c_model *model)
{
    return model->foundation->precision;
}

enum m2c_backend m2c_model_backend(const struct m2c_model *model)
{
    return model->foundation->backend;
}

const struct m2c_tokenizer *m2c_model_tokenizer(const struct m2c_model *model)
{
    return model->foundation->tokenizer;
}

const struct m2c_weights *m2c_model_weights(const struct m2c_model *model)
{
    return model->foundation->weights;
}

const struct m2c_base *m2c_model_base(const struct m2c_model *model)
{
    return &model->foundation->base;
}

struct m2c_hidden_widths m2c_model_hidden_widths(const struct m2c_model *model)
{
    return model->widths;
}

size_t m2c_model_weight_bytes(const struct m2c_model *model)
{
    return model->weight_bytes;
}

size_t m2c_model_linear_scratch_bytes(const struct m2c_model *model)
{
    return model->linear_scratch_bytes;
}

size_t m2c_model_set_count(const struct m2c_model *model)
{
    return model->set_count;
}

const struct m2c_set *m2c_model_set(const struct m2c_model *model, size_t index)
{
    return &model->sets[index];
}

const struct m2c_set *m2c_model_find_set(const struct m2c_model *model, const char *name)
{
    if (!name)
        return model->default_set;
    for (size_t i = 0; i < model->set_count; i++) {
        if (strcmp(model->sets[i].name, name) == 0)
            return &model->sets[i];
    }
    return NULL;
}
