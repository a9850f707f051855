#include "cli/request_options.h"

#include <stdio.h>
#include <string.h>

#include "model/label_list.h"
#include "proto/number_text.h"

enum {
    /* No other client waits here, so whole vocabularies may be asked for. */
    MAX_LABELS = 100000,
};

static bool is_flag(enum proto_option option, enum proto_route route)
{
    return option != PROTO_MODEL && option != PROTO_LABEL_SET &&
           (proto_option_info(option)->routes & (unsigned)route) != 0;
}

/* "--label" and "--text" say one item each; the rest are the options' names with dashes. */
static void flag_name(enum proto_option option, char name[32])
{
    const char *source = proto_option_info(option)->name;
    if (option == PROTO_LABELS)
        source = "label";
    if (option == PROTO_TEXTS)
        source = "text";
    (void)snprintf(name, 32, "%s", source);
    for (char *c = name; *c; c++) {
        if (*c == '_')
            *c = '-';
    }
}

static const char *value_name(enum proto_option_kind kind)
{
    switch (kind) {
    case PROTO_KIND_INTEGER:
    case PROTO_KIND_STRIDE:
        return "N";
    case PROTO_KIND_NUMBER:
        return "X";
    case PROTO_KIND_VIEWS:
        return "AxB";
    case PROTO_KIND_BOOLEAN:
        return "";
    case PROTO_KIND_STRING:
    case PROTO_KIND_TEXTS:
    case PROTO_KIND_LABELS:
        break;
    }
    return "TEXT";
}

static enum cli_option_kind flag_kind(enum proto_option_kind kind)
{
    if (kind == PROTO_KIND_BOOLEAN)
        return CLI_BOOLEAN;
    return kind == PROTO_KIND_TEXTS || kind == PROTO_KIND_LABELS ? CLI_LIST : CLI_VALUE;
}

void cli_request_options(struct cli_option_list *list, enum proto_route route)
{
    static const struct cli_option labels_file = {
        "labels-file", CLI_VALUE, "FILE", "labels from a file: a line each, or id,name rows", 0};
    for (int i = 0; i < PROTO_OPTION_COUNT; i++) {
        enum proto_option option = (enum proto_option)i;
        const struct proto_option_info *info = proto_option_info(option);
        if (!is_flag(option, route))
            continue;
        struct cli_option flag = {.kind = flag_kind(info->kind), .help = info->help};
        flag_name(option, flag.name);
        (void)snprintf(flag.value, sizeof flag.value, "%s", value_name(info->kind));
        cli_option_list_add(list, &flag, 1);
        if (option == PROTO_LABELS)
            cli_option_list_add(list, &labels_file, 1);
    }
}

/* "1:30" or "1:02:03.5" to seconds; false where the text has no colon or is no time. */
static bool clock_seconds(const char *text, double *seconds)
{
    double total = 0;
    int colons = 0;
    const char *part = text;
    for (const char *colon; (colon = strchr(part, ':')) != NULL; part = colon + 1, colons++) {
        size_t digits = strspn(part, "0123456789");
        double value;
        if (part + digits != colon || !proto_text_number(part, digits, &value) ||
            (colons > 0 && value >= 60))
            return false;
        total = total * 60 + value;
    }
    double last;
    if (colons < 1 || colons > 2 || !proto_text_number(part, strlen(part), &last) || last < 0 ||
        last >= 60)
        return false;
    *seconds = total * 60 + last;
    return true;
}

static enum m2c_status set_value(struct proto_options *options, enum proto_option option,
                                 const char *value, struct m2c_error *err)
{
    const char *name = proto_option_info(option)->name;
    double seconds;
    char text[64];
    if ((option == PROTO_START_S || option == PROTO_END_S) && clock_seconds(value, &seconds)) {
        (void)snprintf(text, sizeof text, "%.6f", seconds);
        value = text;
    }
    return proto_options_set_text(options, name, value, strlen(value), err);
}

static enum m2c_status read_flag(const struct cli_arguments *arguments,
                                 struct proto_options *options, enum proto_option option,
                                 struct m2c_error *err)
{
    char name[32];
    const char *const *values;
    flag_name(option, name);
    size_t count = cli_list(arguments, name, &values);
    for (size_t i = 0; i < count; i++) {
        enum m2c_status status = set_value(options, option, values[i], err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

static enum m2c_status read_labels_file(const struct cli_arguments *arguments,
                                        struct proto_options *options, struct m2c_error *err)
{
    struct m2c_label_list list = {0};
    const char *path = cli_value(arguments, "labels-file");
    if (!path)
        return M2C_OK;
    enum m2c_status status = m2c_label_list_load(path, &list, err);
    for (size_t i = 0; i < list.count && status == M2C_OK; i++)
        status =
            proto_options_set_text(options, "labels", list.names[i], strlen(list.names[i]), err);
    m2c_label_list_destroy(&list);
    return status;
}

enum m2c_status cli_request_read(const struct cli_arguments *arguments, enum proto_route route,
                                 struct proto_options *options, struct m2c_error *err)
{
    struct proto_limits limits = proto_limits_default();
    enum m2c_status status = M2C_OK;
    limits.max_labels = MAX_LABELS;
    limits.max_texts = MAX_LABELS;
    proto_options_init(options, route, &limits);
    for (int i = 0; i < PROTO_OPTION_COUNT && status == M2C_OK; i++) {
        enum proto_option option = (enum proto_option)i;
        if (is_flag(option, route))
            status = read_flag(arguments, options, option, err);
        if (status == M2C_OK && option == PROTO_LABELS && is_flag(option, route))
            status = read_labels_file(arguments, options, err);
    }
    return status == M2C_OK ? proto_options_finish(options, err) : status;
}
