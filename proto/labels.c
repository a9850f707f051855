#include "proto/labels.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "runtime/checked.h"

enum { FIELD_BYTES = 64 };

static bool is_space(utf8proc_int32_t code_point)
{
    utf8proc_category_t category = utf8proc_category(code_point);
    return category == UTF8PROC_CATEGORY_ZS || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_CC ||
           code_point == 0xFEFF || (code_point >= 0x200B && code_point <= 0x200D);
}

/* UTF-8 without NUL that shows something. */
static enum m2c_status check_text(const char *text, size_t length, size_t max_bytes,
                                  const char *field, struct m2c_error *err)
{
    if (length > max_bytes)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s has %zu bytes; the limit is %zu",
                              field, length, max_bytes);
    bool blank = true;
    for (size_t i = 0; i < length;) {
        utf8proc_int32_t code_point;
        utf8proc_ssize_t taken = utf8proc_iterate((const utf8proc_uint8_t *)text + i,
                                                  (utf8proc_ssize_t)(length - i), &code_point);
        if (taken <= 0)
            return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                                  "%s is not valid UTF-8 at byte %zu", field, i);
        if (code_point == 0)
            return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                                  "%s holds a NUL character at byte %zu", field, i);
        blank = blank && is_space(code_point);
        i += (size_t)taken;
    }
    if (blank)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s is blank", field);
    return M2C_OK;
}

/* Whether it is short, printable ASCII that shows something: most labels are, and cost no more than
 * a look at each byte. */
static bool is_simple(const char *text, size_t length, size_t max_bytes)
{
    unsigned char strange = 0, shown = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        strange |= byte < 0x20 || byte > 0x7E;
        shown |= byte != ' ';
    }
    return length <= max_bytes && !strange && shown;
}

static enum m2c_status copy_text(char **out, const char *text, size_t length, struct m2c_error *err)
{
    char *copy = malloc(length + 1);
    if (!copy)
        return m2c_fail_memory(err, "a text", length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    *out = copy;
    return M2C_OK;
}

enum m2c_status proto_text_copy(char **out, const char *text, size_t length, size_t max_bytes,
                                const char *field, struct m2c_error *err)
{
    enum m2c_status status = check_text(text, length, max_bytes, field, err);
    return status == M2C_OK ? copy_text(out, text, length, err) : status;
}

/* The array with room for one more item of `size` bytes, doubled if need be; NULL, with the error
 * filled and the old array alive, for want of memory. */
static void *grow(void *items, size_t count, size_t *capacity, size_t size, struct m2c_error *err)
{
    if (items && count < *capacity)
        return items;
    size_t wanted = *capacity ? *capacity : 4, bytes = SIZE_MAX;
    void *bigger = NULL;
    if (m2c_checked_multiply(wanted, 2, &wanted) && m2c_checked_multiply(wanted, size, &bytes))
        bigger = realloc(items, bytes);
    if (bigger)
        *capacity = wanted;
    else
        (void)m2c_fail_memory(err, "a list", bytes);
    return bigger;
}

enum m2c_status proto_texts_add(struct proto_texts *texts, const char *text, size_t length,
                                size_t max_bytes, const char *field, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    if (!is_simple(text, length, max_bytes))
        status = check_text(text, length, max_bytes, field, err);
    if (status != M2C_OK)
        return status;
    char **items = grow(texts->items, texts->count, &texts->capacity, sizeof *items, err);
    if (!items)
        return err->status;
    texts->items = items;
    status = copy_text(&items[texts->count], text, length, err);
    if (status == M2C_OK)
        texts->count++;
    return status;
}

void proto_texts_destroy(struct proto_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
    *texts = (struct proto_texts){0};
}

enum m2c_status proto_templates_check(const struct proto_texts *templates, struct m2c_error *err)
{
    for (size_t i = 0; i < templates->count; i++) {
        const char *first = strstr(templates->items[i], "{}");
        if (first && !strstr(first + 2, "{}"))
            continue;
        char field[sizeof err->field];
        (void)snprintf(field, sizeof field, "templates[%zu]", i);
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "%s must hold {} once, where the label goes", field);
    }
    return M2C_OK;
}

static void label_destroy(struct proto_label *label)
{
    free(label->name);
    free(label->id);
    proto_texts_destroy(&label->texts);
}

static void field_of(char field[FIELD_BYTES], size_t index, const char *member)
{
    (void)snprintf(field, FIELD_BYTES, "labels[%zu]%s%s", index, *member ? "." : "", member);
}

/* Moves `label` into the list; on failure destroys it. */
static enum m2c_status append_label(struct proto_label_list *list, struct proto_label *label,
                                    const struct proto_label_limits *limits, struct m2c_error *err)
{
    struct proto_label *items = NULL;
    if (list->count >= limits->max_labels)
        (void)m2c_fail_field(err, M2C_INVALID_REQUEST, "labels", "there are more than %zu labels",
                             limits->max_labels);
    else
        items = grow(list->items, list->count, &list->capacity, sizeof *items, err);
    if (!items) {
        label_destroy(label);
        return err->status;
    }
    list->items = items;
    list->items[list->count++] = *label;
    return M2C_OK;
}

enum m2c_status proto_label_list_add(struct proto_label_list *list, const char *text, size_t length,
                                     const struct proto_label_limits *limits, struct m2c_error *err)
{
    char field[FIELD_BYTES] = "";
    if (!is_simple(text, length, limits->max_label_bytes))
        field_of(field, list->count, "");
    struct proto_label label = {0};
    enum m2c_status status =
        proto_texts_add(&label.texts, text, length, limits->max_label_bytes, field, err);
    if (status == M2C_OK)
        status = copy_text(&label.name, text, length, err);
    if (status != M2C_OK) {
        label_destroy(&label);
        return status;
    }
    return append_label(list, &label, limits, err);
}

static enum m2c_status read_string(char **out, const json_t *value, const char *field,
                                   const struct proto_label_limits *limits, struct m2c_error *err)
{
    if (!json_is_string(value))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s is not a string", field);
    return proto_text_copy(out, json_string_value(value), json_string_length(value),
                           limits->max_label_bytes, field, err);
}

static enum m2c_status read_texts(struct proto_texts *texts, const json_t *value, const char *field,
                                  const struct proto_label_limits *limits, struct m2c_error *err)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > limits->max_label_texts)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "%s is not an array of 1 to %zu texts", field,
                              limits->max_label_texts);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        if (!json_is_string(item))
            return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s holds what is not a string",
                                  field);
        enum m2c_status status =
            proto_texts_add(texts, json_string_value(item), json_string_length(item),
                            limits->max_label_bytes, field, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

static enum m2c_status read_member(struct proto_label *label, const char *key, const json_t *value,
                                   size_t index, const struct proto_label_limits *limits,
                                   struct m2c_error *err)
{
    char field[FIELD_BYTES];
    field_of(field, index, key);
    if (strcmp(key, "name") == 0)
        return read_string(&label->name, value, field, limits, err);
    if (strcmp(key, "id") == 0)
        return read_string(&label->id, value, field, limits, err);
    if (strcmp(key, "texts") == 0)
        return read_texts(&label->texts, value, field, limits, err);
    return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                          "a label object has `name`, `texts` and `id`, nothing else");
}

static enum m2c_status read_object(struct proto_label *label, const json_t *object, size_t index,
                                   const struct proto_label_limits *limits, struct m2c_error *err)
{
    char field[FIELD_BYTES];
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value) {
        enum m2c_status status = read_member(label, key, value, index, limits, err);
        if (status != M2C_OK)
            return status;
    }
    field_of(field, index, "name");
    if (!label->name)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s is missing", field);
    if (label->texts.count > 0)
        return M2C_OK;
    return proto_texts_add(&label->texts, label->name, strlen(label->name), limits->max_label_bytes,
                           field, err);
}

enum m2c_status proto_label_list_add_json(struct proto_label_list *list, const json_t *value,
                                          const struct proto_label_limits *limits,
                                          struct m2c_error *err)
{
    if (json_is_string(value))
        return proto_label_list_add(list, json_string_value(value), json_string_length(value),
                                    limits, err);
    char field[FIELD_BYTES];
    field_of(field, list->count, "");
    if (!json_is_object(value))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, field,
                              "%s is neither a string nor an object", field);
    struct proto_label label = {0};
    enum m2c_status status = read_object(&label, value, list->count, limits, err);
    if (status != M2C_OK) {
        label_destroy(&label);
        return status;
    }
    return append_label(list, &label, limits, err);
}

/* Whether every label is encoded as it is called, so that its texts repeat where its names do. */
static bool texts_are_names(const struct proto_label_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct proto_label *label = &list->items[i];
        if (label->texts.count != 1 || strcmp(label->texts.items[0], label->name) != 0)
            return false;
    }
    return true;
}

struct mention {
    const char *text;
    size_t label;
};

static int compare_mentions(const void *a, const void *b)
{
    const struct mention *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    if (order != 0)
        return order;
    return (x->label > y->label) - (x->label < y->label);
}

/* The first label, by position, that repeats an earlier mention; false where none does. */
static bool find_repeat(struct mention *mentions, size_t count, struct mention *repeat,
                        size_t *earlier)
{
    bool found = false;
    qsort(mentions, count, sizeof *mentions, compare_mentions);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(mentions[i - 1].text, mentions[i].text) != 0)
            continue;
        if (!found || mentions[i].label < repeat->label) {
            *repeat = mentions[i];
            *earlier = mentions[i - 1].label;
        }
        found = true;
    }
    return found;
}

enum m2c_status proto_label_list_check(const struct proto_label_list *list, struct m2c_error *err)
{
    size_t texts = 0;
    for (size_t i = 0; i < list->count; i++)
        texts += list->items[i].texts.count;
    size_t capacity = texts > list->count ? texts : list->count;
    struct mention *mentions = calloc(capacity + 1, sizeof *mentions);
    if (!mentions)
        return m2c_fail_memory(err, "the labels", capacity * sizeof *mentions);
    for (size_t i = 0; i < list->count; i++)
        mentions[i] = (struct mention){list->items[i].name, i};
    struct mention repeat = {0};
    size_t earlier = 0;
    bool found = find_repeat(mentions, list->count, &repeat, &earlier);
    if (!found && !texts_are_names(list)) {
        size_t count = 0;
        for (size_t i = 0; i < list->count; i++) {
            for (size_t t = 0; t < list->items[i].texts.count; t++)
                mentions[count++] = (struct mention){list->items[i].texts.items[t], i};
        }
        found = find_repeat(mentions, count, &repeat, &earlier);
    }
    free(mentions);
    if (!found)
        return M2C_OK;
    char field[FIELD_BYTES];
    field_of(field, repeat.label, "");
    return m2c_fail_field(err, M2C_INVALID_REQUEST, field, "%s says the same as labels[%zu]", field,
                          earlier);
}

void proto_label_list_destroy(struct proto_label_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        label_destroy(&list->items[i]);
    free(list->items);
    *list = (struct proto_label_list){0};
}
