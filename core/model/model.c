/* A loaded model folder: the base once, the adapter sets on it. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "model/adapter_set.h"
#include "model/encoder.h"
#include "model/folder_file.h"
#include "runtime/cpu.h"

enum { MAX_SETS = 1024 };

struct m2c_model {
    struct m2c_config config;
    enum m2c_precision precision;
    enum m2c_backend backend;
    struct m2c_weights *weights;
    struct m2c_tokenizer *tokenizer;
    struct m2c_base base;
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
    m2c_weights_parameters(model->weights, &total, &adapters);
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
        status = m2c_weights_base_digest(model->weights, source->base_digest, err);
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

/* A tokenizer that names other ids than the embedding has rows would read beyond it. */
static enum m2c_status check_tokenizer(const struct m2c_model *model, struct m2c_error *err)
{
    if (!model->tokenizer)
        return M2C_OK;
    int entries = m2c_tokenizer_vocabulary(model->tokenizer);
    if (entries <= model->config.vocabulary)
        return M2C_OK;
    return m2c_fail_field(err, M2C_BAD_MODEL, "vocab_size",
                          "the tokenizer has %d entries, but the token embedding %d rows", entries,
                          model->config.vocabulary);
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
    model->weight_bytes = model->base.tokens->bytes;
    m2c_base_visit(&model->base, measure_layer, model);
    for (size_t i = 0; i < model->set_count; i++)
        m2c_adapters_visit(&model->sets[i].adapters, &model->config, measure_layer, model);
}

static void measure_widths(struct m2c_model *model)
{
    const struct m2c_config *config = &model->config;
    size_t patch = 3 * (size_t)config->patch_px * (size_t)config->patch_px;
    model->widths.scratch = larger(patch, (size_t)config->embed_dim);
    model->widths.scratch = larger(model->widths.scratch, (size_t)config->vision.mlp_width);
    model->widths.scratch = larger(model->widths.scratch, (size_t)config->text.mlp_width);
    for (size_t i = 0; i < model->set_count; i++)
        widen_for_set(&model->widths, &model->sets[i]);
}

static const struct kind_choice {
    enum m2c_precision precision;
    enum m2c_backend backend;
    enum m2c_linear_kind kind;
} kind_choices[] = {
    /* In order of preference within a precision. */
    {M2C_PRECISION_F32, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_F32},
    {M2C_PRECISION_F32, M2C_BACKEND_ONEDNN, M2C_LINEAR_ONEDNN_F32},
    {M2C_PRECISION_F32, M2C_BACKEND_OPENBLAS, M2C_LINEAR_OPENBLAS_F32},
    {M2C_PRECISION_BF16, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_BF16},
    {M2C_PRECISION_BF16, M2C_BACKEND_ONEDNN, M2C_LINEAR_ONEDNN_BF16},
    {M2C_PRECISION_INT8, M2C_BACKEND_NATIVE, M2C_LINEAR_NATIVE_INT8},
};

/* The first available kind of that precision and backend. */
static const struct kind_choice *find_kind(enum m2c_precision precision, enum m2c_backend backend)
{
    for (size_t i = 0; i < sizeof kind_choices / sizeof kind_choices[0]; i++) {
        const struct kind_choice *choice = &kind_choices[i];
        if (choice->precision == precision &&
            (backend == M2C_BACKEND_AUTO || choice->backend == backend) &&
            m2c_linear_available(choice->kind))
            return choice;
    }
    return NULL;
}

/* auto is bf16 where the processor multiplies it, else f32; never int8. */
static enum m2c_status choose_kind(const struct m2c_model_options *options, struct m2c_model *model,
                                   enum m2c_linear_kind *kind, struct m2c_error *err)
{
    bool automatic = options->precision == M2C_PRECISION_AUTO;
    enum m2c_precision wanted = options->precision;
    if (automatic)
        wanted = m2c_cpu_has_bf16() ? M2C_PRECISION_BF16 : M2C_PRECISION_F32;
    const struct kind_choice *choice = find_kind(wanted, options->backend);
    if (!choice && automatic)
        choice = find_kind(M2C_PRECISION_F32, options->backend);
    if (!choice)
        return m2c_fail_field(err, M2C_USAGE, "precision",
                              "no %s product with backend %s in this build on this processor",
                              m2c_precision_name(wanted), m2c_backend_name(options->backend));
    model->precision = choice->precision;
    model->backend = choice->backend;
    *kind = choice->kind;
    return M2C_OK;
}

static enum m2c_status read_folder(struct m2c_model *model, struct m2c_set_source *source,
                                   struct m2c_error *err)
{
    enum m2c_status status = m2c_config_load(source->dir, &model->config, err);
    if (status == M2C_OK)
        status = m2c_weights_open(source->dir, &model->weights, err);
    if (status == M2C_OK)
        status = m2c_tokenizer_open(source->dir, &model->tokenizer, err);
    if (status != M2C_OK)
        return status;
    source->weights = model->weights;
    m2c_config_settle(&model->config, m2c_weights_has_prefix(model->weights, "mlm_adapter."));
    if (model->config.text.layers < 1)
        return m2c_fail_field(err, M2C_BAD_MODEL, "transformer_layers",
                              "a CMLM block alone does not make a text encoder");
    return check_tokenizer(model, err);
}

/* The digest reads every byte while the base is packed; joined before any set is named by it. */
struct digest_task {
    const struct m2c_weights *weights;
    unsigned char *digest;
    enum m2c_status status;
    struct m2c_error err;
};

static void *digest_main(void *argument)
{
    struct digest_task *task = argument;
    task->status = m2c_weights_digest(task->weights, task->digest, &task->err);
    return NULL;
}

static enum m2c_status load_base(struct m2c_model *model, struct m2c_set_source *source,
                                 struct m2c_error *err)
{
    struct digest_task task = {.weights = model->weights, .digest = source->weights_digest};
    pthread_t thread;
    bool threaded = pthread_create(&thread, NULL, digest_main, &task) == 0;
    enum m2c_status status = m2c_base_load(&model->config, model->weights, source->kind,
                                           source->team, &model->base, err);
    if (threaded)
        (void)pthread_join(thread, NULL);
    else
        (void)digest_main(&task);
    if (status == M2C_OK && task.status != M2C_OK) {
        *err = task.err;
        status = task.status;
    }
    return status;
}

enum m2c_status m2c_model_load(const struct m2c_model_options *options, struct m2c_model **out,
                               struct m2c_error *err)
{
    struct m2c_model *model = calloc(1, sizeof *model);
    *out = NULL;
    if (!model)
        return m2c_fail_memory(err, "a model", sizeof *model);
    struct m2c_set_source source = {.dir = options->dir, .config = &model->config};
    enum m2c_status status = choose_kind(options, model, &source.kind, err);
    if (status == M2C_OK)
        status = m2c_team_new(m2c_cpu_count(), &source.team, err);
    if (status == M2C_OK)
        status = read_folder(model, &source, err);
    if (status == M2C_OK)
        status = load_base(model, &source, err);
    if (status == M2C_OK)
        status = load_sets(model, &source, err);
    if (status == M2C_OK)
        status = m2c_weights_check_finite(model->weights, err);
    if (status == M2C_OK)
        status = choose_default(model, options->default_set, err);
    m2c_team_free(&source.team);
    if (status != M2C_OK) {
        m2c_model_free(&model);
        return status;
    }
    m2c_weights_give_back(model->weights);
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
    m2c_base_destroy(&model->base);
    m2c_tokenizer_free(&model->tokenizer);
    m2c_weights_free(&model->weights);
    free(model);
}

const struct m2c_config *m2c_model_config(const struct m2c_model *model)
{
    return &model->config;
}

enum m2c_precision m2c_model_precision(const struct m2c_model *model)
{
    return model->precision;
}

enum m2c_backend m2c_model_backend(const struct m2c_model *model)
{
    return model->backend;
}

const struct m2c_tokenizer *m2c_model_tokenizer(const struct m2c_model *model)
{
    return model->tokenizer;
}

const struct m2c_weights *m2c_model_weights(const struct m2c_model *model)
{
    return model->weights;
}

const struct m2c_base *m2c_model_base(const struct m2c_model *model)
{
    return &model->base;
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
