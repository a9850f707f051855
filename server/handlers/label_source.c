#include "server/handlers/label_source.h"

#include <stdlib.h>
#include <string.h>

static void source_free(struct srv_label_source *source)
{
    proto_label_list_destroy(&source->own);
    proto_texts_destroy(&source->templates);
    proto_texts_destroy(&source->background);
    proto_texts_destroy(&source->verbatim);
    srv_stored_labels_unref(source->stored);
    free(source->own_names);
    free(source->texts);
    free(source);
}

struct srv_label_source *srv_label_source_ref(struct srv_label_source *source)
{
    source->references++;
    return source;
}

void srv_label_source_unref(struct srv_label_source *source)
{
    if (source && --source->references == 0)
        source_free(source);
}

static void take_texts(struct proto_texts *to, struct proto_texts *from)
{
    *to = *from;
    memset(from, 0, sizeof *from);
}

/* ---- where labels come from ---- */

static enum m2c_status use_own(struct srv_label_source *source, struct m2c_error *err)
{
    size_t count = source->own.count;
    source->label_count = count;
    source->own_names = calloc(2 * count + 1, sizeof *source->own_names);
    if (!source->own_names)
        return m2c_fail_memory(err, "labels", count * sizeof *source->own_names);
    for (size_t i = 0; i < count; i++) {
        source->own_names[i] = source->own.items[i].name;
        source->own_names[count + i] = source->own.items[i].id;
    }
    source->names = source->own_names;
    source->ids = source->own_names + count;
    return M2C_OK;
}

static enum m2c_status use_stored(struct srv_label_source *source,
                                  const struct srv_label_registry *registry, const char *name,
                                  struct m2c_error *err)
{
    struct srv_stored_labels *stored = registry ? srv_label_registry_find(registry, name) : NULL;
    if (!stored)
        return m2c_fail_field(err, M2C_LABEL_SET_NOT_FOUND, "label_set",
                              "no label set is stored under this name");
    source->stored = srv_stored_labels_ref(stored);
    source->label_count = stored->set.labels.count;
    source->names = stored->names;
    source->ids = stored->ids;
    return M2C_OK;
}

static enum m2c_status use_model(struct srv_label_source *source,
                                 const struct m2c_label_list *labels, struct m2c_error *err)
{
    if (labels->count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                              "labels are missing, and the model names none of its own");
    source->label_count = labels->count;
    source->names = (const char *const *)labels->names;
    return M2C_OK;
}

/* The request's, the stored set's, the model's: the first that there are. */
static void choose_templates(struct srv_label_source *source,
                             const struct m2c_preprocess *preprocess)
{
    const struct proto_texts *chosen = NULL;
    if (source->templates.count > 0)
        chosen = &source->templates;
    else if (source->stored && source->stored->set.templates.count > 0)
        chosen = &source->stored->set.templates;
    source->template_items =
        (const char *const *)(chosen ? chosen->items : preprocess->templates.texts);
    source->template_count = chosen ? chosen->count : preprocess->templates.count;
}

static void choose_background(struct srv_label_source *source, bool given,
                              const struct m2c_preprocess *preprocess)
{
    source->background_items =
        (const char *const *)(given ? source->background.items : preprocess->background.texts);
    source->background_count = given ? source->background.count : preprocess->background.count;
}

/* ---- texts ---- */

static size_t count_label_texts(const struct srv_label_source *source)
{
    size_t count = 0;
    if (source->stored)
        return source->stored->text_count;
    if (!source->own_names)
        return source->label_count;
    for (size_t i = 0; i < source->own.count; i++)
        count += source->own.items[i].texts.count;
    return count;
}

/* Texts of the labels from `at` on; returns where they end. */
static size_t list_label_texts(struct srv_label_source *source)
{
    size_t at = 0;
    if (source->stored) {
        memcpy(source->texts, source->stored->texts,
               source->stored->text_count * sizeof *source->texts);
        return source->stored->text_count;
    }
    for (size_t i = 0; i < source->label_count; i++) {
        const struct proto_texts *texts = source->own_names ? &source->own.items[i].texts : NULL;
        for (size_t t = 0; t < (texts ? texts->count : 1); t++)
            source->texts[at++] =
                (struct srv_label_text){texts ? texts->items[t] : source->names[i], i, "labels", i};
    }
    return at;
}

static enum m2c_status list_texts(struct srv_label_source *source, struct m2c_error *err)
{
    size_t count = count_label_texts(source) + source->background_count;
    source->texts = calloc(count + 1, sizeof *source->texts);
    if (!source->texts)
        return m2c_fail_memory(err, "labels", count * sizeof *source->texts);
    size_t at = list_label_texts(source);
    for (size_t i = 0; i < source->background_count; i++)
        source->texts[at++] = (struct srv_label_text){source->background_items[i],
                                                      source->label_count + i, "background", i};
    source->text_count = at;
    return M2C_OK;
}

static enum m2c_status fill(struct srv_label_source *source,
                            const struct srv_label_registry *registry,
                            struct proto_options *options, const struct m2c_set *set,
                            struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(set);
    enum m2c_status status;
    source->own = options->labels;
    memset(&options->labels, 0, sizeof options->labels);
    take_texts(&source->templates, &options->templates);
    take_texts(&source->background, &options->background);
    if (proto_options_has(options, PROTO_LABELS))
        status = use_own(source, err);
    else if (options->label_set)
        status = use_stored(source, registry, options->label_set, err);
    else
        status = use_model(source, info->labels, err);
    if (status != M2C_OK)
        return status;
    choose_templates(source, info->preprocess);
    choose_background(source, proto_options_has(options, PROTO_BACKGROUND), info->preprocess);
    source->pinnable =
        source->stored && source->templates.count == 0 && source->background_count == 0;
    return list_texts(source, err);
}

enum m2c_status srv_label_source_new(const struct srv_label_registry *registry,
                                     struct proto_options *options, const struct m2c_set *set,
                                     struct srv_label_source **out, struct m2c_error *err)
{
    struct srv_label_source *source = calloc(1, sizeof *source);
    if (!source)
        return m2c_fail_memory(err, "labels", sizeof *source);
    source->references = 1;
    enum m2c_status status = fill(source, registry, options, set, err);
    if (status == M2C_OK)
        *out = source;
    else
        source_free(source);
    return status;
}

enum m2c_status srv_label_source_new_texts(struct proto_options *options,
                                           struct srv_label_source **out, struct m2c_error *err)
{
    static const char *const verbatim[] = {NULL};
    struct srv_label_source *source = calloc(1, sizeof *source);
    size_t count = options->texts.count;
    if (source)
        source->texts = calloc(count + 1, sizeof *source->texts);
    if (!source || !source->texts) {
        free(source);
        return m2c_fail_memory(err, "texts", count * sizeof *source->texts);
    }
    source->references = 1;
    take_texts(&source->verbatim, &options->texts);
    take_texts(&source->templates, &options->templates);
    bool templates = source->templates.count > 0;
    source->template_items = templates ? (const char *const *)source->templates.items : verbatim;
    source->template_count = templates ? source->templates.count : 1;
    source->names = (const char *const *)source->verbatim.items;
    source->label_count = source->text_count = count;
    for (size_t i = 0; i < count; i++)
        source->texts[i] = (struct srv_label_text){source->verbatim.items[i], i, "texts", i};
    *out = source;
    return M2C_OK;
}

/* ---- the engine's side ---- */

static void release_source(void *owner)
{
    srv_label_source_unref(owner);
}

struct srv_label_request srv_label_source_request(struct srv_label_source *source,
                                                  const struct srv_served *served,
                                                  const struct m2c_set *set, bool truncate)
{
    struct srv_label_request request = {
        .set = set,
        .templates = source->template_items,
        .template_count = source->template_count,
        .texts = source->texts,
        .text_count = source->text_count,
        .row_count = source->label_count + source->background_count,
        .truncate = truncate,
        .release = release_source,
        .owner = srv_label_source_ref(source),
    };
    source->pinnable = source->pinnable && !truncate;
    if (source->pinnable) {
        char version[SRV_VECTOR_VERSION_BYTES];
        srv_vector_version(srv_served_model(served), set, version);
        request.known = srv_stored_labels_pinned(source->stored, version);
    }
    return request;
}

void srv_label_source_keep(const struct srv_label_source *source,
                           const struct srv_label_registry *registry,
                           const struct srv_served *served, const struct m2c_set *set,
                           struct srv_label_matrix *matrix)
{
    char version[SRV_VECTOR_VERSION_BYTES];
    if (!source->pinnable ||
        !srv_label_registry_has_room(registry, srv_label_matrix_bytes(matrix), NULL))
        return;
    srv_vector_version(srv_served_model(served), set, version);
    srv_stored_labels_pin(source->stored, version, matrix);
}
