#include "server/handlers/label_source.h"

#include <stdlib.h>
#include <string.h>

static void source_free(struct srv_label_source *source)
{
    proto_label_list_destroy(&source->own);
    proto_texts_destroy(&source->templates);
    proto_texts_destroy(&source->background);
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

/* Moves the options' lists here and resolves what they leave to the set. */
static void take_options(struct srv_label_source *source, struct proto_options *options,
                         const struct m2c_set_info *info)
{
    const struct m2c_preprocess *preprocess = info->preprocess;
    bool has_templates = proto_options_has(options, PROTO_TEMPLATES);
    bool has_background = proto_options_has(options, PROTO_BACKGROUND);
    source->own = options->labels;
    source->templates = options->templates;
    source->background = options->background;
    memset(&options->labels, 0, sizeof options->labels);
    memset(&options->templates, 0, sizeof options->templates);
    memset(&options->background, 0, sizeof options->background);
    if (!proto_options_has(options, PROTO_LABELS))
        source->set_labels = info->labels;
    source->label_count = source->set_labels ? source->set_labels->count : source->own.count;
    source->template_items = (const char *const *)(has_templates ? source->templates.items
                                                                 : preprocess->templates.texts);
    source->template_count = has_templates ? source->templates.count : preprocess->templates.count;
    source->background_items = (const char *const *)(has_background ? source->background.items
                                                                    : preprocess->background.texts);
    source->background_count =
        has_background ? source->background.count : preprocess->background.count;
}

static enum m2c_status list_names(struct srv_label_source *source, struct m2c_error *err)
{
    if (source->set_labels) {
        source->names = (const char *const *)source->set_labels->names;
        return M2C_OK;
    }
    size_t count = source->label_count;
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

static size_t texts_of(const struct srv_label_source *source, size_t label)
{
    return source->set_labels ? 1 : source->own.items[label].texts.count;
}

static const char *text_of(const struct srv_label_source *source, size_t label, size_t text)
{
    return source->set_labels ? source->set_labels->names[label]
                              : source->own.items[label].texts.items[text];
}

static enum m2c_status list_texts(struct srv_label_source *source, struct m2c_error *err)
{
    size_t count = source->background_count, at = 0;
    for (size_t i = 0; i < source->label_count; i++)
        count += texts_of(source, i);
    source->texts = calloc(count + 1, sizeof *source->texts);
    if (!source->texts)
        return m2c_fail_memory(err, "labels", count * sizeof *source->texts);
    for (size_t i = 0; i < source->label_count; i++)
        for (size_t t = 0; t < texts_of(source, i); t++)
            source->texts[at++] = (struct srv_label_text){text_of(source, i, t), i, "labels", i};
    for (size_t i = 0; i < source->background_count; i++)
        source->texts[at++] = (struct srv_label_text){source->background_items[i],
                                                      source->label_count + i, "background", i};
    source->text_count = at;
    return M2C_OK;
}

enum m2c_status srv_label_source_new(struct proto_options *options, const struct m2c_set *set,
                                     struct srv_label_source **out, struct m2c_error *err)
{
    struct srv_label_source *source = calloc(1, sizeof *source);
    if (!source)
        return m2c_fail_memory(err, "labels", sizeof *source);
    source->references = 1;
    take_options(source, options, m2c_set_info(set));
    enum m2c_status status = list_names(source, err);
    if (status == M2C_OK)
        status = list_texts(source, err);
    if (status == M2C_OK && source->label_count == 0)
        status = m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                                "labels are missing, and the model names none of its own");
    if (status != M2C_OK) {
        source_free(source);
        return status;
    }
    *out = source;
    return M2C_OK;
}
