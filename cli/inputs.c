#include "cli/inputs.h"

#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

static enum m2c_status append(struct cli_inputs *inputs, const char *text, struct m2c_error *err)
{
    if (inputs->count == inputs->capacity) {
        size_t capacity = inputs->capacity ? 2 * inputs->capacity : 16;
        char **items = realloc(inputs->items, capacity * sizeof *items);
        if (!items)
            return m2c_fail_memory(err, "the inputs", capacity * sizeof *items);
        inputs->items = items;
        inputs->capacity = capacity;
    }
    char *copy = strdup(text);
    if (!copy)
        return m2c_fail_memory(err, "the inputs", strlen(text));
    inputs->items[inputs->count++] = copy;
    return M2C_OK;
}

static bool is_video_name(const char *name)
{
    static const char *const endings[] = {"mp4", "m4v",  "mov", "webm", "mkv", "avi", "ts",
                                          "mts", "m2ts", "3gp", "3g2",  "mpg", "mpeg"};
    const char *dot = strrchr(name, '.');
    if (!dot || dot == name)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (strcasecmp(dot + 1, endings[i]) == 0)
            return true;
    }
    return false;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether the walk looks at this entry: not at what is hidden, but always at where it began. */
static bool is_shown(const FTSENT *entry)
{
    return entry->fts_level == FTS_ROOTLEVEL || entry->fts_name[0] != '.';
}

static enum m2c_status append_tree(struct cli_inputs *inputs, FTS *walk, struct m2c_error *err)
{
    FTSENT *entry;
    while ((entry = fts_read(walk)) != NULL) {
        enum m2c_status status = M2C_OK;
        if (!is_shown(entry))
            (void)fts_set(walk, entry, FTS_SKIP);
        else if (entry->fts_info == FTS_F && is_video_name(entry->fts_name))
            status = append(inputs, entry->fts_path, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

static enum m2c_status append_folder(struct cli_inputs *inputs, const char *folder,
                                     struct m2c_error *err)
{
    size_t first = inputs->count;
    char *copy = strdup(folder);
    if (!copy)
        return m2c_fail_memory(err, "the inputs", strlen(folder));
    char *const roots[] = {copy, NULL};
    FTS *walk = fts_open(roots, FTS_LOGICAL | FTS_NOCHDIR, NULL);
    enum m2c_status status = walk ? append_tree(inputs, walk, err) : M2C_OK;
    if (walk)
        (void)fts_close(walk);
    free(copy);
    if (status == M2C_OK && inputs->count == first)
        return append(inputs, folder, err);
    qsort(inputs->items + first, inputs->count - first, sizeof *inputs->items, compare_paths);
    return status;
}

static enum m2c_status append_word(struct cli_inputs *inputs, const char *word,
                                   struct m2c_error *err)
{
    struct stat facts;
    if (strcmp(word, "-") != 0 && !cli_is_url(word) && stat(word, &facts) == 0 &&
        S_ISDIR(facts.st_mode))
        return append_folder(inputs, word, err);
    return append(inputs, word, err);
}

static enum m2c_status append_list(struct cli_inputs *inputs, const char *word,
                                   struct m2c_error *err)
{
    FILE *list = fopen(word + 1, "re");
    if (!list)
        return append(inputs, word, err);
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    enum m2c_status status = M2C_OK;
    while (status == M2C_OK && (length = getline(&line, &capacity, list)) >= 0) {
        while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            line[--length] = '\0';
        if (length > 0)
            status = append_word(inputs, line, err);
    }
    free(line);
    if (status == M2C_OK && ferror(list))
        status = append(inputs, word, err);
    (void)fclose(list);
    return status;
}

enum m2c_status cli_inputs_expand(const struct cli_arguments *arguments, struct cli_inputs *inputs,
                                  struct m2c_error *err)
{
    *inputs = (struct cli_inputs){0};
    for (size_t i = 0; i < cli_input_count(arguments); i++) {
        const char *word = cli_input(arguments, i);
        enum m2c_status status = word[0] == '@' && word[1] != '\0' ? append_list(inputs, word, err)
                                                                   : append_word(inputs, word, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

void cli_inputs_destroy(struct cli_inputs *inputs)
{
    for (size_t i = 0; i < inputs->count; i++)
        free(inputs->items[i]);
    free(inputs->items);
    *inputs = (struct cli_inputs){0};
}

bool cli_is_url(const char *word)
{
    size_t i = 0;
    while (isalpha((unsigned char)word[i]))
        i++;
    return i > 0 && strncmp(word + i, "://", 3) == 0;
}
