#include "train/data_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "model/folder_file.h"
#include "model/random_numbers.h"
#include "train/data_reader.h"

enum { LIST_LIMIT_BYTES = 256 << 20, PROBLEM_BYTES = 200 };

static bool grow(struct trn_data_list *list)
{
    if (list->count < list->capacity)
        return true;
    size_t capacity = list->capacity > 0 ? 2 * list->capacity : 64;
    struct trn_item *items = realloc(list->items, capacity * sizeof *items);
    if (!items)
        return false;
    list->items = items;
    list->capacity = capacity;
    return true;
}

/* The list's folder with its slash: how many bytes of the source's path that is. */
static int folder_bytes(const char *path)
{
    return (int)(m2c_folder_base_name(path) - path);
}

enum m2c_status trn_data_add(const struct trn_data_reader *reader, const struct trn_item *item)
{
    struct trn_data_list *list = reader->list;
    char *path = NULL;
    const char *source = reader->source->path;
    int folder = item->path[0] == '/' || reader->line == 0 ? 0 : folder_bytes(source);
    if (asprintf(&path, "%.*s%s", folder, source, item->path) < 0)
        path = NULL;
    if (!path || !grow(list)) {
        free(path);
        return m2c_fail_memory(reader->err, "the data list", (list->count + 1) * sizeof *item);
    }
    list->items[list->count] = *item;
    list->items[list->count].line = reader->line;
    list->items[list->count++].path = path;
    return M2C_OK;
}

enum m2c_status trn_data_bad(const struct trn_data_reader *reader, const char *format, ...)
{
    const struct trn_data_source *source = reader->source;
    char what[PROBLEM_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (!source->skip_bad)
        return m2c_fail_field(reader->err, M2C_INVALID_REQUEST, "data", "%s: line %zu: %s",
                              m2c_folder_base_name(source->path), reader->line, what);
    if (source->report)
        source->report(source->argument, reader->line, what);
    reader->list->skipped++;
    return M2C_OK;
}

static enum m2c_status read_file(struct trn_data_reader *reader)
{
    char *text = NULL;
    size_t size;
    if (!reader->source->labels)
        return m2c_fail_field(reader->err, M2C_INVALID_REQUEST, "labels",
                              "a list of videos needs a list of labels");
    enum m2c_status status =
        m2c_folder_read(reader->source->path, LIST_LIMIT_BYTES, &text, &size, reader->err);
    if (status == M2C_OK && memchr(text, '\0', size))
        status = m2c_fail_field(reader->err, M2C_INVALID_REQUEST, "data", "%s is no text",
                                m2c_folder_base_name(reader->source->path));
    if (status == M2C_OK)
        status = trn_data_read_rows(reader, text);
    free(text);
    return status;
}

enum m2c_status trn_data_list_read(const struct trn_data_source *source, struct trn_data_list *list,
                                   struct m2c_error *err)
{
    struct trn_data_reader reader = {.source = source, .list = list, .err = err};
    struct stat facts;
    *list = (struct trn_data_list){0};
    bool folder = stat(source->path, &facts) == 0 && S_ISDIR(facts.st_mode);
    enum m2c_status status = folder ? trn_data_read_folder(&reader) : read_file(&reader);
    if (status == M2C_OK && list->count == 0)
        status = m2c_fail_field(err, M2C_INVALID_REQUEST, "data", "%s holds no usable video",
                                m2c_folder_base_name(source->path));
    return status;
}

void trn_data_list_destroy(struct trn_data_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].path);
    free(list->items);
    m2c_label_list_destroy(&list->labels);
    *list = (struct trn_data_list){0};
}

size_t trn_data_list_part(const struct trn_data_list *list, enum trn_part part)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->items[i].part == part;
    return count;
}

/* An item without a part, with what decides about it. */
struct candidate {
    size_t label, index;
    uint64_t lot;
};

static int by_label_and_lot(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->label != b->label)
        return a->label < b->label ? -1 : 1;
    if (a->lot != b->lot)
        return a->lot < b->lot ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

static size_t validation_count(size_t items, double share)
{
    size_t count = (size_t)(share * (double)items + 0.5);
    if (count == 0 && share > 0 && items >= 2)
        count = 1;
    if (count == items && share < 1)
        count--;
    return count;
}

enum m2c_status trn_data_list_split(struct trn_data_list *list, double share, uint64_t seed,
                                    struct m2c_error *err)
{
    struct m2c_random random;
    size_t count = 0;
    struct candidate *candidates = calloc(list->count + 1, sizeof *candidates);
    if (!candidates)
        return m2c_fail_memory(err, "the split", (list->count + 1) * sizeof *candidates);
    m2c_random_start(&random, seed, "split");
    for (size_t i = 0; i < list->count; i++) {
        uint64_t lot = m2c_random_bits(&random);
        if (list->items[i].part == TRN_PART_UNSAID)
            candidates[count++] =
                (struct candidate){.label = list->items[i].label, .index = i, .lot = lot};
    }
    qsort(candidates, count, sizeof *candidates, by_label_and_lot);
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first; end < count && candidates[end].label == candidates[first].label;)
            end++;
        size_t validation = validation_count(end - first, share);
        for (size_t i = first; i < end; i++)
            list->items[candidates[i].index].part =
                i - first < validation ? TRN_PART_VALIDATION : TRN_PART_TRAIN;
    }
    free(candidates);
    return M2C_OK;
}
