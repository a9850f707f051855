#include "cli/label_vectors.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline.h"
#include "runtime/checked.h"
#include "scoring.h"

/* Texts and the templates that they are put into, borrowed. */
struct prompts {
    const char *const *templates; /* a NULL template is the text verbatim */
    size_t template_count;
    const char **texts;
    const size_t *owner; /* [text_count] which vector a text adds to; rising */
    size_t text_count;
};

static void add(float *sum, const float *x, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        sum[i] += x[i];
}

static void make_unit(float *rows, size_t count, size_t dim)
{
    for (size_t i = 0; i < count; i++)
        m2c_unit_vector(rows + i * dim, dim);
}

/* sums [.., E] += for each owner, its vectors over templates and texts. */
static enum m2c_status encode_prompts(struct cli_session *session, const struct prompts *prompts,
                                      bool truncate, const char *field, float *sums,
                                      struct m2c_error *err)
{
    size_t dim = (size_t)m2c_set_info(session->set)->dim, floats;
    if (!m2c_checked_multiply3(prompts->text_count, dim, sizeof(float), &floats))
        return m2c_fail_memory(err, "text vectors", SIZE_MAX);
    float *rows = malloc(floats);
    if (!rows)
        return m2c_fail_memory(err, "text vectors", floats);
    enum m2c_status status = M2C_OK;
    for (size_t t = 0; t < prompts->template_count && status == M2C_OK; t++) {
        status = m2c_pipeline_encode_texts(session->encoder, session->set, prompts->templates[t],
                                           (const char *const *)prompts->texts, prompts->text_count,
                                           truncate, field, rows, err);
        for (size_t i = 0; i < prompts->text_count && status == M2C_OK; i++)
            add(sums + prompts->owner[i] * dim, rows + i * dim, dim);
    }
    free(rows);
    return status;
}

static enum m2c_status require_tokenizer(const struct cli_session *session, struct m2c_error *err)
{
    if (m2c_model_tokenizer(session->model))
        return M2C_OK;
    return m2c_fail(err, M2C_NO_TOKENIZER,
                    "the model folder has no tokenizer, so texts cannot be "
                    "encoded");
}

enum m2c_status cli_encode_texts(struct cli_session *session, const struct proto_texts *templates,
                                 const char *const *texts, size_t count, bool truncate,
                                 const char *field, float *vectors, struct m2c_error *err)
{
    static const char *const verbatim[] = {NULL};
    size_t dim = (size_t)m2c_set_info(session->set)->dim;
    enum m2c_status status = require_tokenizer(session, err);
    if (status != M2C_OK)
        return status;
    size_t *owner = calloc(count + 1, sizeof *owner);
    const char **copy = calloc(count + 1, sizeof *copy);
    if (!owner || !copy) {
        status = m2c_fail_memory(err, "texts", count * sizeof *owner);
    } else {
        for (size_t i = 0; i < count; i++) {
            owner[i] = i;
            copy[i] = texts[i];
        }
        memset(vectors, 0, count * dim * sizeof *vectors);
        const struct prompts prompts = {
            .templates = templates->count ? (const char *const *)templates->items : verbatim,
            .template_count = templates->count ? templates->count : 1,
            .texts = copy,
            .owner = owner,
            .text_count = count,
        };
        status = encode_prompts(session, &prompts, truncate, field, vectors, err);
        make_unit(vectors, count, dim);
    }
    free(copy);
    free(owner);
    return status;
}

/* What is asked for, resolved: the options' or the set's. */
struct wanted {
    const struct proto_label_list *labels; /* or NULL: the set's names */
    const struct m2c_label_list *set_labels;
    const char *const *templates;
    size_t template_count;
    const char *const *background;
    size_t background_count;
};

static enum m2c_status resolve(const struct cli_session *session,
                               const struct proto_options *options, struct wanted *wanted,
                               struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(session->set);
    const struct m2c_preprocess *own = info->preprocess;
    bool has_templates = proto_options_has(options, PROTO_TEMPLATES);
    bool has_background = proto_options_has(options, PROTO_BACKGROUND);
    *wanted = (struct wanted){
        .labels = proto_options_has(options, PROTO_LABELS) ? &options->labels : NULL,
        .set_labels = info->labels,
        .templates =
            (const char *const *)(has_templates ? options->templates.items : own->templates.texts),
        .template_count = has_templates ? options->templates.count : own->templates.count,
        .background = (const char *const *)(has_background ? options->background.items
                                                           : own->background.texts),
        .background_count = has_background ? options->background.count : own->background.count,
    };
    if (!wanted->labels && wanted->set_labels->count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                              "the model has no labels of its own: --label or --labels-file is "
                              "needed");
    return M2C_OK;
}

static size_t text_count_of(const struct wanted *wanted, size_t label_count)
{
    size_t count = wanted->background_count;
    if (!wanted->labels)
        return count + label_count;
    for (size_t i = 0; i < label_count; i++)
        count += wanted->labels->items[i].texts.count;
    return count;
}

/* Names and ids of the labels, and all texts with the vector that each adds to. */
static void list_texts(struct cli_label_vectors *vectors, const struct wanted *wanted,
                       const char **texts, size_t *owner)
{
    size_t at = 0;
    for (size_t i = 0; i < vectors->count; i++) {
        if (!wanted->labels) {
            vectors->names[i] = wanted->set_labels->names[i];
            texts[at] = vectors->names[i];
            owner[at++] = i;
            continue;
        }
        const struct proto_label *label = &wanted->labels->items[i];
        vectors->names[i] = label->name;
        vectors->ids[i] = label->id;
        for (size_t t = 0; t < label->texts.count; t++) {
            texts[at] = label->texts.items[t];
            owner[at++] = i;
        }
    }
    for (size_t i = 0; i < wanted->background_count; i++) {
        texts[at] = wanted->background[i];
        owner[at++] = vectors->count + i;
    }
}

static enum m2c_status allocate(struct cli_label_vectors *vectors, size_t dim,
                                struct m2c_error *err)
{
    size_t rows = vectors->count + vectors->background_count;
    size_t bytes;
    if (!m2c_checked_multiply3(rows + 1, dim, sizeof(float), &bytes))
        return m2c_fail_memory(err, "label vectors", SIZE_MAX);
    vectors->vectors = calloc(1, bytes);
    vectors->labels = calloc(vectors->count + 1, sizeof *vectors->labels);
    vectors->background = calloc(vectors->background_count + 1, sizeof *vectors->background);
    vectors->names = calloc(vectors->count + 1, sizeof *vectors->names);
    vectors->ids = calloc(vectors->count + 1, sizeof *vectors->ids);
    if (!vectors->vectors || !vectors->labels || !vectors->background || !vectors->names ||
        !vectors->ids)
        return m2c_fail_memory(err, "label vectors", bytes);
    for (size_t i = 0; i < vectors->count; i++)
        vectors->labels[i] = vectors->vectors + i * dim;
    for (size_t i = 0; i < vectors->background_count; i++)
        vectors->background[i] = vectors->vectors + (vectors->count + i) * dim;
    return M2C_OK;
}

static enum m2c_status encode_wanted(struct cli_label_vectors *vectors, struct cli_session *session,
                                     const struct wanted *wanted, bool truncate,
                                     struct m2c_error *err)
{
    size_t dim = (size_t)m2c_set_info(session->set)->dim;
    size_t count = text_count_of(wanted, vectors->count);
    const char **texts = calloc(count + 1, sizeof *texts);
    size_t *owner = calloc(count + 1, sizeof *owner);
    enum m2c_status status;
    if (!texts || !owner) {
        status = m2c_fail_memory(err, "labels", count * sizeof *owner);
    } else {
        list_texts(vectors, wanted, texts, owner);
        size_t label_texts = count - wanted->background_count;
        struct prompts prompts = {wanted->templates, wanted->template_count, texts, owner,
                                  label_texts};
        status = encode_prompts(session, &prompts, truncate, "labels", vectors->vectors, err);
        prompts.texts += label_texts;
        prompts.owner += label_texts;
        prompts.text_count = wanted->background_count;
        if (status == M2C_OK && prompts.text_count > 0)
            status =
                encode_prompts(session, &prompts, truncate, "background", vectors->vectors, err);
        make_unit(vectors->vectors, vectors->count + vectors->background_count, dim);
    }
    free(owner);
    free(texts);
    return status;
}

enum m2c_status cli_label_vectors_init(struct cli_label_vectors *vectors,
                                       struct cli_session *session,
                                       const struct proto_options *options, struct m2c_error *err)
{
    struct wanted wanted;
    *vectors = (struct cli_label_vectors){0};
    enum m2c_status status = require_tokenizer(session, err);
    if (status == M2C_OK)
        status = resolve(session, options, &wanted, err);
    if (status != M2C_OK)
        return status;
    vectors->count = wanted.labels ? wanted.labels->count : wanted.set_labels->count;
    vectors->background_count = wanted.background_count;
    status = allocate(vectors, (size_t)m2c_set_info(session->set)->dim, err);
    return status == M2C_OK ? encode_wanted(vectors, session, &wanted, options->truncate, err)
                            : status;
}

void cli_label_vectors_destroy(struct cli_label_vectors *vectors)
{
    free(vectors->vectors);
    free(vectors->labels);
    free(vectors->background);
    free(vectors->names);
    free(vectors->ids);
    *vectors = (struct cli_label_vectors){0};
}
