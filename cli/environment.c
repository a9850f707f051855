#include "cli/environment.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/arguments.h"

#define PREFIX "M2CLIP_"

void cli_variable_name(char out[CLI_VARIABLE_BYTES], const char *option)
{
    (void)snprintf(out, CLI_VARIABLE_BYTES, PREFIX "%s", option);
    for (char *c = out; *c; c++)
        *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
}

const char *cli_environment_value(char *const *environment, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; environment[i]; i++) {
        if (strncmp(environment[i], name, length) == 0 && environment[i][length] == '=')
            return environment[i] + length + 1;
    }
    return NULL;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Levenshtein's distance of two names, each cut to CLI_VARIABLE_BYTES. */
static size_t distance(const char *a, const char *b)
{
    size_t row[CLI_VARIABLE_BYTES + 1];
    size_t columns = strnlen(b, CLI_VARIABLE_BYTES);
    for (size_t j = 0; j <= columns; j++)
        row[j] = j;
    for (size_t i = 0; i < CLI_VARIABLE_BYTES && a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < columns; j++) {
            size_t above = row[j + 1];
            row[j + 1] = smallest(above + 1, row[j] + 1, diagonal + (a[i] == b[j] ? 0 : 1));
            diagonal = above;
        }
    }
    return row[columns];
}

/* Kubernetes announces every service of the namespace, one called m2clip included. */
static bool is_injected(const char *name)
{
    return strstr(name, "_SERVICE_") || strstr(name, "_PORT");
}

/* Whether an option answers to the name; otherwise `nearest` gets the most similar one's. */
static bool is_known(const char *name, const struct cli_option_list *known, size_t known_count,
                     char nearest[CLI_VARIABLE_BYTES])
{
    size_t best = CLI_VARIABLE_BYTES + 1;
    for (size_t k = 0; k < known_count; k++) {
        for (size_t i = 0; i < known[k].count; i++) {
            char candidate[CLI_VARIABLE_BYTES];
            cli_variable_name(candidate, known[k].items[i].name);
            size_t apart = distance(name, candidate);
            if (strcmp(name, candidate) == 0)
                return true;
            if (apart < best) {
                best = apart;
                memcpy(nearest, candidate, sizeof candidate);
            }
        }
    }
    return false;
}

void cli_warn_unknown_environment(char *const *environment, const struct cli_option_list *known,
                                  size_t known_count)
{
    for (size_t i = 0; environment[i]; i++) {
        char name[CLI_VARIABLE_BYTES] = "", nearest[CLI_VARIABLE_BYTES] = "";
        const char *equals = strchr(environment[i], '=');
        if (!equals || strncmp(environment[i], PREFIX, sizeof PREFIX - 1) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)(equals - environment[i]), environment[i]);
        if (is_injected(name) || is_known(name, known, known_count, nearest))
            continue;
        (void)fprintf(stderr, "m2clip: warning: no option answers to %s; the nearest is %s\n", name,
                      nearest);
    }
}
