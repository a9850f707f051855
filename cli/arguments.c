#include "cli/arguments.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/environment.h"
#include "proto/number_text.h"

/* Where one option's values lie among all values given. */
struct given {
    const char **values; /* borrowed texts; owned array */
    size_t count;
    bool boolean;
};

struct cli_arguments {
    const struct cli_option_list *options;
    struct given given[CLI_MAX_OPTIONS];
    const char **inputs; /* borrowed texts; owned array */
    size_t input_count;
};

void cli_option_list_add(struct cli_option_list *list, const struct cli_option *options,
                         size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert(list->count < CLI_MAX_OPTIONS);
        assert(!cli_option_list_find(list, options[i].name));
        list->items[list->count++] = options[i];
    }
}

static const struct cli_option *find_bytes(const struct cli_option_list *list, const char *name,
                                           size_t length)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strlen(list->items[i].name) == length && memcmp(list->items[i].name, name, length) == 0)
            return &list->items[i];
    }
    return NULL;
}

const struct cli_option *cli_option_list_find(const struct cli_option_list *list, const char *name)
{
    return find_bytes(list, name, strlen(name));
}

static const struct cli_option *find_letter(const struct cli_option_list *list, char letter)
{
    for (size_t i = 0; i < list->count; i++) {
        if (letter != '\0' && list->items[i].letter == letter)
            return &list->items[i];
    }
    return NULL;
}

static enum m2c_status append(const char ***items, size_t *count, const char *text,
                              struct m2c_error *err)
{
    size_t bytes = (*count + 1) * sizeof **items;
    const char **bigger = realloc(*items, bytes);
    if (!bigger)
        return m2c_fail_memory(err, "the arguments", bytes);
    bigger[(*count)++] = text;
    *items = bigger;
    return M2C_OK;
}

static struct given *given_of(struct cli_arguments *arguments, const struct cli_option *option)
{
    return &arguments->given[option - arguments->options->items];
}

/* Records one value of an option; `source` names the flag or the variable in errors. */
static enum m2c_status record(struct cli_arguments *arguments, const struct cli_option *option,
                              const char *value, const char *source, struct m2c_error *err)
{
    struct given *given = given_of(arguments, option);
    if (given->count > 0 && option->kind != CLI_LIST)
        return m2c_fail_field(err, M2C_USAGE, option->name, "%s is given twice", source);
    if (option->kind == CLI_BOOLEAN && !proto_text_boolean(value, strlen(value), &given->boolean))
        return m2c_fail_field(err, M2C_USAGE, option->name, "%s must be 1, 0, true or false",
                              source);
    return append(&given->values, &given->count, value, err);
}

static enum m2c_status read_long(struct cli_arguments *arguments, const char *word,
                                 const char *next, bool *took_next, struct m2c_error *err)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct cli_option *option = find_bytes(arguments->options, word + 2, length - 2);
    if (!option)
        return m2c_fail(err, M2C_USAGE, "there is no option %.*s", (int)length, word);
    char source[sizeof option->name + 3];
    (void)snprintf(source, sizeof source, "--%s", option->name);
    if (equals)
        return record(arguments, option, equals + 1, source, err);
    if (option->kind == CLI_BOOLEAN)
        return record(arguments, option, "true", source, err);
    if (!next)
        return m2c_fail_field(err, M2C_USAGE, option->name, "%s needs a value", source);
    *took_next = true;
    return record(arguments, option, next, source, err);
}

/* -o FILE, or -oFILE. */
static enum m2c_status read_short(struct cli_arguments *arguments, const char *word,
                                  const char *next, bool *took_next, struct m2c_error *err)
{
    const struct cli_option *option = find_letter(arguments->options, word[1]);
    const char source[] = {'-', word[1], '\0'};
    if (!option)
        return m2c_fail(err, M2C_USAGE, "there is no option %s", word);
    if (word[2] != '\0' && option->kind != CLI_BOOLEAN)
        return record(arguments, option, word + 2, source, err);
    if (word[2] != '\0')
        return m2c_fail(err, M2C_USAGE, "there is no option %s", word);
    if (option->kind == CLI_BOOLEAN)
        return record(arguments, option, "true", source, err);
    if (!next)
        return m2c_fail_field(err, M2C_USAGE, option->name, "%s needs a value", source);
    *took_next = true;
    return record(arguments, option, next, source, err);
}

static enum m2c_status read_words(struct cli_arguments *arguments, int argc, char *const *argv,
                                  struct m2c_error *err)
{
    bool options_ended = false;
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool took_next = false;
        enum m2c_status status = M2C_OK;
        if (options_ended || word[0] != '-' || word[1] == '\0')
            status = append(&arguments->inputs, &arguments->input_count, word, err);
        else if (strcmp(word, "--") == 0)
            options_ended = true;
        else if (word[1] == '-')
            status = read_long(arguments, word, next, &took_next, err);
        else
            status = read_short(arguments, word, next, &took_next, err);
        if (status != M2C_OK)
            return status;
        i += took_next ? 1 : 0;
    }
    return M2C_OK;
}

/* The environment speaks where no flag did. */
static enum m2c_status read_environment(struct cli_arguments *arguments, char *const *environment,
                                        struct m2c_error *err)
{
    for (size_t i = 0; i < arguments->options->count; i++) {
        const struct cli_option *option = &arguments->options->items[i];
        char name[CLI_VARIABLE_BYTES];
        cli_variable_name(name, option->name);
        const char *value = cli_environment_value(environment, name);
        if (!value || arguments->given[i].count > 0)
            continue;
        enum m2c_status status = record(arguments, option, value, name, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

enum m2c_status cli_arguments_new(const struct cli_option_list *options, int argc,
                                  char *const *argv, char *const *environment,
                                  struct cli_arguments **out, struct m2c_error *err)
{
    struct cli_arguments *arguments = calloc(1, sizeof *arguments);
    if (!arguments)
        return m2c_fail_memory(err, "the arguments", sizeof *arguments);
    arguments->options = options;
    enum m2c_status status = read_words(arguments, argc, argv, err);
    if (status == M2C_OK)
        status = read_environment(arguments, environment, err);
    if (status != M2C_OK)
        cli_arguments_free(&arguments);
    *out = arguments;
    return status;
}

void cli_arguments_free(struct cli_arguments **arguments)
{
    if (!*arguments)
        return;
    for (size_t i = 0; i < CLI_MAX_OPTIONS; i++)
        free((*arguments)->given[i].values);
    free((*arguments)->inputs);
    free(*arguments);
    *arguments = NULL;
}

size_t cli_input_count(const struct cli_arguments *arguments)
{
    return arguments->input_count;
}

const char *cli_input(const struct cli_arguments *arguments, size_t index)
{
    return arguments->inputs[index];
}

static const struct given *lookup(const struct cli_arguments *arguments, const char *name)
{
    const struct cli_option *option = cli_option_list_find(arguments->options, name);
    assert(option);
    return &arguments->given[option - arguments->options->items];
}

bool cli_has(const struct cli_arguments *arguments, const char *name)
{
    return lookup(arguments, name)->count > 0;
}

const char *cli_value(const struct cli_arguments *arguments, const char *name)
{
    const struct given *given = lookup(arguments, name);
    return given->count > 0 ? given->values[0] : NULL;
}

bool cli_boolean(const struct cli_arguments *arguments, const char *name, bool fallback)
{
    const struct given *given = lookup(arguments, name);
    return given->count > 0 ? given->boolean : fallback;
}

size_t cli_list(const struct cli_arguments *arguments, const char *name, const char *const **values)
{
    const struct given *given = lookup(arguments, name);
    *values = given->values;
    return given->count;
}

enum m2c_status cli_integer(const struct cli_arguments *arguments, const char *name, int64_t min,
                            int64_t max, int64_t fallback, int64_t *out, struct m2c_error *err)
{
    const char *text = cli_value(arguments, name);
    *out = fallback;
    if (!text)
        return M2C_OK;
    if (!proto_text_integer(text, strlen(text), out) || *out < min || *out > max)
        return m2c_fail_field(err, M2C_USAGE, name, "--%s must be an integer from %lld to %lld",
                              name, (long long)min, (long long)max);
    return M2C_OK;
}
