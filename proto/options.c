#include "proto/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/number_text.h"
#include "proto/option_table.h"
#include "video/sampling.h"

void proto_options_init(struct proto_options *options, enum proto_route route,
                        const struct proto_limits *limits)
{
    int timeout_ms = limits->default_timeout_ms < limits->max_timeout_ms
                         ? limits->default_timeout_ms
                         : limits->max_timeout_ms;
    *options = (struct proto_options){
        .route = route,
        .limits = *limits,
        .top_k = route == PROTO_ZEROSHOT ? 100 : 5,
        .temporal_views = 1,
        .spatial_views = 1,
        .start_s = (double)NAN,
        .end_s = (double)NAN,
        .timeout_ms = timeout_ms,
        .window_s = 4,
        .hop_s = 2,
        .threshold = 0.5,
        .threshold_end = 0.3,
        .min_segment_s = 1,
        .merge_gap_s = 1,
    };
}

void proto_options_destroy(struct proto_options *options)
{
    free(options->model);
    free(options->label_set);
    free(options->text);
    proto_label_list_destroy(&options->labels);
    proto_texts_destroy(&options->templates);
    proto_texts_destroy(&options->background);
    proto_texts_destroy(&options->texts);
    *options = (struct proto_options){0};
}

static void *value_of(struct proto_options *options, const struct proto_option_row *row)
{
    return (char *)options + row->offset;
}

static enum m2c_status store_integer(struct proto_options *options, enum proto_option option,
                                     int64_t value, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    int64_t max =
        option == PROTO_TIMEOUT_MS ? options->limits.max_timeout_ms : (int64_t)row->info.max;
    int64_t min = (int64_t)row->info.min;
    if (value < min || value > max)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, row->info.name,
                              "%s is %lld; it may be %lld to %lld", row->info.name,
                              (long long)value, (long long)min, (long long)max);
    *(int *)value_of(options, row) = (int)value;
    return M2C_OK;
}

static enum m2c_status store_number(struct proto_options *options, enum proto_option option,
                                    double value, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    if (!(value >= row->info.min && value <= row->info.max))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, row->info.name,
                              "%s is %g; it may be %g to %g", row->info.name, value, row->info.min,
                              row->info.max);
    *(double *)value_of(options, row) = value;
    return M2C_OK;
}

static enum m2c_status store_views(struct proto_options *options, const char *text, size_t length,
                                   struct m2c_error *err)
{
    int64_t temporal, spatial;
    if (!proto_text_views(text, length, &temporal, &spatial))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "views is not of the form AxB, as 3x4");
    if (temporal < 1 || temporal > M2C_MAX_TEMPORAL_VIEWS)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "views asks for %lld temporal views; it may be 1 to %d",
                              (long long)temporal, (int)M2C_MAX_TEMPORAL_VIEWS);
    if (spatial != 1 && spatial != 3 && spatial != 4)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "views asks for %lld spatial views; it may be 1, 3 or 4",
                              (long long)spatial);
    options->temporal_views = (int)temporal;
    options->spatial_views = (int)spatial;
    return M2C_OK;
}

static enum m2c_status store_string(struct proto_options *options, enum proto_option option,
                                    const char *text, size_t length, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    size_t max = row->info.max > 0 ? (size_t)row->info.max : (size_t)options->limits.max_text_bytes;
    return proto_text_copy(value_of(options, row), text, length, max, row->info.name, err);
}

struct list_limits {
    size_t count, bytes;
};

static struct list_limits list_limits_of(const struct proto_options *options,
                                         enum proto_option option)
{
    const struct proto_limits *limits = &options->limits;
    size_t bytes = (size_t)limits->max_label_bytes;
    if (option == PROTO_TEXTS)
        return (struct list_limits){(size_t)limits->max_texts, (size_t)limits->max_text_bytes};
    if (option == PROTO_TEMPLATES)
        return (struct list_limits){(size_t)limits->max_templates, bytes};
    return (struct list_limits){(size_t)limits->max_labels, bytes};
}

static enum m2c_status store_text_item(struct proto_options *options, enum proto_option option,
                                       const char *text, size_t length, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    struct proto_texts *texts = value_of(options, row);
    struct list_limits limits = list_limits_of(options, option);
    char field[sizeof err->field];
    if (texts->count >= limits.count)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, row->info.name,
                              "%s holds more than %zu texts", row->info.name, limits.count);
    (void)snprintf(field, sizeof field, "%s[%zu]", row->info.name, texts->count);
    return proto_texts_add(texts, text, length, limits.bytes, field, err);
}

static struct proto_label_limits label_limits(const struct proto_options *options)
{
    return (struct proto_label_limits){
        .max_labels = (size_t)options->limits.max_labels,
        .max_label_bytes = (size_t)options->limits.max_label_bytes,
        .max_label_texts = (size_t)options->limits.max_label_texts,
    };
}

static enum m2c_status wrong_type(struct m2c_error *err, const char *name, const char *wanted)
{
    return m2c_fail_field(err, M2C_INVALID_REQUEST, name, "%s must be %s", name, wanted);
}

static bool is_list(enum proto_option_kind kind)
{
    return kind == PROTO_KIND_TEXTS || kind == PROTO_KIND_LABELS;
}

/* Finds the option and refuses it where it is unknown or was given before. */
static enum m2c_status begin_set(const struct proto_options *options, const char *name,
                                 bool from_json, enum proto_option *option, struct m2c_error *err)
{
    *option = proto_option_find(options->route, name);
    if (*option == PROTO_OPTION_COUNT)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, name, "%s has no such option",
                              proto_route_name(options->route));
    bool open_list = is_list(proto_option_info(*option)->kind) && !from_json &&
                     (options->from_json >> *option & 1u) == 0;
    if (proto_options_has(options, *option) && !open_list)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, name, "%s is given twice", name);
    return M2C_OK;
}

static void end_set(struct proto_options *options, enum proto_option option, bool from_json)
{
    options->present |= 1u << option;
    if (from_json)
        options->from_json |= 1u << option;
}

static enum m2c_status set_integer_text(struct proto_options *options, enum proto_option option,
                                        const char *value, size_t length, struct m2c_error *err)
{
    const struct proto_option_info *info = proto_option_info(option);
    bool stride = info->kind == PROTO_KIND_STRIDE;
    int64_t integer = 0;
    if (stride && length == 7 && memcmp(value, "uniform", 7) == 0)
        return store_integer(options, option, 0, err);
    if (!proto_text_integer(value, length, &integer))
        return wrong_type(err, info->name, stride ? "`uniform` or an integer" : "an integer");
    return store_integer(options, option, integer, err);
}

static enum m2c_status set_text_value(struct proto_options *options, enum proto_option option,
                                      const char *value, size_t length, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    struct proto_label_limits limits = label_limits(options);
    double number;
    switch (row->info.kind) {
    case PROTO_KIND_STRING:
        return store_string(options, option, value, length, err);
    case PROTO_KIND_INTEGER:
    case PROTO_KIND_STRIDE:
        return set_integer_text(options, option, value, length, err);
    case PROTO_KIND_NUMBER:
        if (!proto_text_number(value, length, &number))
            return wrong_type(err, row->info.name, "a number");
        return store_number(options, option, number, err);
    case PROTO_KIND_BOOLEAN:
        if (!proto_text_boolean(value, length, value_of(options, row)))
            return wrong_type(err, row->info.name, "true or false");
        return M2C_OK;
    case PROTO_KIND_VIEWS:
        return store_views(options, value, length, err);
    case PROTO_KIND_TEXTS:
        return store_text_item(options, option, value, length, err);
    case PROTO_KIND_LABELS:
        return proto_label_list_add(&options->labels, value, length, &limits, err);
    }
    return m2c_fail(err, M2C_INTERNAL, "an option has no kind");
}

enum m2c_status proto_options_set_text(struct proto_options *options, const char *name,
                                       const char *value, size_t length, struct m2c_error *err)
{
    enum proto_option option;
    enum m2c_status status = begin_set(options, name, false, &option, err);
    if (status == M2C_OK)
        status = set_text_value(options, option, value, length, err);
    if (status == M2C_OK)
        end_set(options, option, false);
    return status;
}

static enum m2c_status set_json_array(struct proto_options *options, enum proto_option option,
                                      const json_t *value, struct m2c_error *err)
{
    const struct proto_option_info *info = proto_option_info(option);
    struct proto_label_limits limits = label_limits(options);
    size_t count = json_array_size(value);
    if (!json_is_array(value))
        return wrong_type(err, info->name, "an array");
    if ((double)count < info->min)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, info->name, "%s is empty", info->name);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(value, i);
        enum m2c_status status;
        if (info->kind == PROTO_KIND_LABELS)
            status = proto_label_list_add_json(&options->labels, item, &limits, err);
        else if (json_is_string(item))
            status = store_text_item(options, option, json_string_value(item),
                                     json_string_length(item), err);
        else
            status = m2c_fail_field(err, M2C_INVALID_REQUEST, info->name, "%s[%zu] is not a string",
                                    info->name, i);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

static enum m2c_status set_json_integer(struct proto_options *options, enum proto_option option,
                                        const json_t *value, struct m2c_error *err)
{
    const struct proto_option_info *info = proto_option_info(option);
    bool stride = info->kind == PROTO_KIND_STRIDE;
    if (stride && json_is_string(value) && strcmp(json_string_value(value), "uniform") == 0)
        return store_integer(options, option, 0, err);
    if (!json_is_integer(value))
        return wrong_type(err, info->name, stride ? "\"uniform\" or an integer" : "an integer");
    return store_integer(options, option, json_integer_value(value), err);
}

static enum m2c_status set_json_value(struct proto_options *options, enum proto_option option,
                                      const json_t *value, struct m2c_error *err)
{
    const struct proto_option_row *row = proto_option_row(option);
    switch (row->info.kind) {
    case PROTO_KIND_STRING:
        if (!json_is_string(value))
            return wrong_type(err, row->info.name, "a string");
        return store_string(options, option, json_string_value(value), json_string_length(value),
                            err);
    case PROTO_KIND_INTEGER:
    case PROTO_KIND_STRIDE:
        return set_json_integer(options, option, value, err);
    case PROTO_KIND_NUMBER:
        if (!json_is_number(value))
            return wrong_type(err, row->info.name, "a number");
        return store_number(options, option, json_number_value(value), err);
    case PROTO_KIND_BOOLEAN:
        if (!json_is_boolean(value))
            return wrong_type(err, row->info.name, "true or false");
        *(bool *)value_of(options, row) = json_is_true(value);
        return M2C_OK;
    case PROTO_KIND_VIEWS:
        if (!json_is_string(value))
            return wrong_type(err, row->info.name, "a string of the form AxB");
        return store_views(options, json_string_value(value), json_string_length(value), err);
    case PROTO_KIND_TEXTS:
    case PROTO_KIND_LABELS:
        return set_json_array(options, option, value, err);
    }
    return m2c_fail(err, M2C_INTERNAL, "an option has no kind");
}

enum m2c_status proto_options_set_json(struct proto_options *options, const char *name,
                                       const json_t *value, struct m2c_error *err)
{
    enum proto_option option;
    enum m2c_status status = begin_set(options, name, true, &option, err);
    if (status == M2C_OK)
        status = set_json_value(options, option, value, err);
    if (status == M2C_OK)
        end_set(options, option, true);
    return status;
}
