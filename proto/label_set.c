#include "proto/label_set.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

bool proto_label_set_name_valid(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                  "0123456789._-";
    size_t length = strlen(name);
    return length >= 1 && length <= PROTO_LABEL_SET_NAME_MAX && strspn(name, allowed) == length &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static enum m2c_status read_labels(const json_t *value, const struct proto_limits *limits,
                                   struct proto_label_list *labels, struct m2c_error *err)
{
    const struct proto_label_limits bounds = {
        .max_labels = (size_t)limits->max_set_labels,
        .max_label_bytes = (size_t)limits->max_label_bytes,
        .max_label_texts = (size_t)limits->max_label_texts,
    };
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                              "labels must be an array of 1 to %zu labels", bounds.max_labels);
    for (size_t i = 0; i < count; i++) {
        enum m2c_status status =
            proto_label_list_add_json(labels, json_array_get(value, i), &bounds, err);
        if (status != M2C_OK)
            return status;
    }
    return proto_label_list_check(labels, err);
}

static enum m2c_status read_templates(const json_t *value, const struct proto_limits *limits,
                                      struct proto_texts *templates, struct m2c_error *err)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > (size_t)limits->max_templates)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "templates",
                              "templates must be an array of 1 to %d texts", limits->max_templates);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        char field[32];
        (void)snprintf(field, sizeof field, "templates[%zu]", i);
        if (!json_is_string(item))
            return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s is not a string", field);
        enum m2c_status status =
            proto_texts_add(templates, json_string_value(item), json_string_length(item),
                            (size_t)limits->max_label_bytes, field, err);
        if (status != M2C_OK)
            return status;
    }
    return proto_templates_check(templates, err);
}

enum m2c_status proto_label_set_read(const json_t *body, const struct proto_limits *limits,
                                     struct proto_label_set *out, struct m2c_error *err)
{
    const char *key;
    json_t *value;
    enum m2c_status status = M2C_OK;
    *out = (struct proto_label_set){0};
    json_object_foreach ((json_t *)(uintptr_t)body, key, value) {
        if (strcmp(key, "labels") == 0)
            status = read_labels(value, limits, &out->labels, err);
        else if (strcmp(key, "templates") == 0)
            status = read_templates(value, limits, &out->templates, err);
        else
            status = m2c_fail_field(err, M2C_INVALID_REQUEST, key,
                                    "a label set has `labels` and `templates`, nothing else");
        if (status != M2C_OK)
            return status;
    }
    if (out->labels.count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels", "labels are missing");
    return M2C_OK;
}

void proto_label_set_destroy(struct proto_label_set *set)
{
    proto_label_list_destroy(&set->labels);
    proto_texts_destroy(&set->templates);
}

static void write_texts(struct proto_writer *writer, const char *key,
                        const struct proto_texts *texts)
{
    proto_writer_key(writer, key);
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < texts->count; i++)
        proto_writer_string(writer, texts->items[i]);
    proto_writer_array_end(writer);
}

static bool is_plain(const struct proto_label *label)
{
    return !label->id && label->texts.count == 1 && strcmp(label->name, label->texts.items[0]) == 0;
}

static void write_label(struct proto_writer *writer, const struct proto_label *label)
{
    if (is_plain(label)) {
        proto_writer_string(writer, label->name);
        return;
    }
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "name");
    proto_writer_string(writer, label->name);
    write_texts(writer, "texts", &label->texts);
    if (label->id) {
        proto_writer_key(writer, "id");
        proto_writer_string(writer, label->id);
    }
    proto_writer_object_end(writer);
}

void proto_label_set_write_members(struct proto_writer *writer, const struct proto_label_set *set)
{
    proto_writer_key(writer, "labels");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < set->labels.count; i++)
        write_label(writer, &set->labels.items[i]);
    proto_writer_array_end(writer);
    if (set->templates.count > 0)
        write_texts(writer, "templates", &set->templates);
}

void proto_label_set_entry_write_members(struct proto_writer *writer,
                                         const struct proto_label_set_entry *entry)
{
    proto_writer_key(writer, "name");
    proto_writer_string(writer, entry->name);
    proto_writer_key(writer, "etag");
    proto_writer_string(writer, entry->etag);
    proto_writer_key(writer, "label_count");
    proto_writer_integer(writer, (int64_t)entry->labels);
    proto_writer_key(writer, "template_count");
    proto_writer_integer(writer, (int64_t)entry->templates);
    proto_writer_key(writer, "read_only");
    proto_writer_bool(writer, entry->read_only);
}
