/* Flags, environment and inputs of one command.
 *
 * Flag > environment M2CLIP_<OPTION> (dashes as underscores, upper case) > default. A command lists
 * its options; everything else on the command line that begins with a dash is wrong usage.
 * `--name VALUE` and `--name=VALUE`; a boolean alone is true, `--name=false` is possible; `-` is an
 * input, `--` ends the options. Values are borrowed from argv and the environment.
 */
#ifndef CLI_ARGUMENTS_H
#define CLI_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

enum cli_option_kind {
    CLI_BOOLEAN, /* 1, 0, true, false */
    CLI_VALUE,   /* given once */
    CLI_LIST,    /* may be given again; the environment gives one item */
};

struct cli_option {
    char name[32]; /* "top-k" for --top-k and M2CLIP_TOP_K */
    enum cli_option_kind kind;
    char value[20];   /* what --help calls the value: "N", "FILE"; "" for a boolean */
    const char *help; /* one line */
    char letter;      /* 'o' for -o; 0: none */
};

enum { CLI_MAX_OPTIONS = 64 };

/* The options of a command, in the order of its help. */
struct cli_option_list {
    struct cli_option items[CLI_MAX_OPTIONS];
    size_t count;
};

/* Appends options; more than CLI_MAX_OPTIONS or a name twice is a programmer's mistake (asserts).
 */
void cli_option_list_add(struct cli_option_list *list, const struct cli_option *options,
                         size_t count);

/* The option of that name, or NULL. */
const struct cli_option *cli_option_list_find(const struct cli_option_list *list, const char *name);

struct cli_arguments;

/* Reads argv (the words behind the command's name) and `environment` ("NAME=value", NULL-ended) by
 * `options`, which must outlive the result. New; the caller frees it. M2C_USAGE names the flag at
 * fault. */
M2C_MUST_USE enum m2c_status cli_arguments_new(const struct cli_option_list *options, int argc,
                                               char *const *argv, char *const *environment,
                                               struct cli_arguments **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void cli_arguments_free(struct cli_arguments **arguments);

/* Inputs in order: every word that is no option. */
size_t cli_input_count(const struct cli_arguments *arguments);
const char *cli_input(const struct cli_arguments *arguments, size_t index);

/* Values by option name (which the command must list: asserts). cli_value: NULL where neither flag
 * nor environment gives one. cli_list: how many, `values` borrowed. */
bool cli_has(const struct cli_arguments *arguments, const char *name);
const char *cli_value(const struct cli_arguments *arguments, const char *name);
bool cli_boolean(const struct cli_arguments *arguments, const char *name, bool fallback);
size_t cli_list(const struct cli_arguments *arguments, const char *name,
                const char *const **values);

/* The value as a strict decimal in min..max, or `fallback` where none is given. M2C_USAGE with the
 * flag in `field` otherwise. */
M2C_MUST_USE enum m2c_status cli_integer(const struct cli_arguments *arguments, const char *name,
                                         int64_t min, int64_t max, int64_t fallback, int64_t *out,
                                         struct m2c_error *err);

/* Prints a warning on stderr for every M2CLIP_* variable that no option of `known` answers to, with
 * the nearest name; silent for *_SERVICE_* and *_PORT* names, which Kubernetes injects. */
void cli_warn_unknown_environment(char *const *environment, const struct cli_option_list *known,
                                  size_t known_count);

#endif
