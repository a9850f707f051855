#include "cli/evaluation_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell_line(void *argument, size_t line, const char *what)
{
    const char *path = argument;
    if (line > 0)
        (void)fprintf(stderr, "m2clip: %s line %zu: %s\n", path, line, what);
    else
        (void)fprintf(stderr, "m2clip: %s: %s\n", path, what);
}

static enum m2c_status read_split(const char *split, enum trn_part *part, struct m2c_error *err)
{
    if (!split)
        *part = TRN_PART_UNSAID;
    else if (strcmp(split, "train") == 0)
        *part = TRN_PART_TRAIN;
    else if (strcmp(split, "val") == 0 || strcmp(split, "validation") == 0)
        *part = TRN_PART_VALIDATION;
    else if (strcmp(split, "test") == 0)
        *part = TRN_PART_TEST;
    else
        return m2c_fail_field(err, M2C_USAGE, "split", "--split must be train, val or test");
    return M2C_OK;
}

static void keep_part(struct trn_data_list *list, enum trn_part part)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].part == part)
            list->items[kept++] = list->items[i];
        else
            free(list->items[i].path);
    }
    list->count = kept;
}

enum m2c_status cli_evaluation_data_read(struct cli_evaluation_data *data, const char *path,
                                         const char *labels_file, const struct m2c_label_list *own,
                                         const char *split, struct m2c_error *err)
{
    enum trn_part part = TRN_PART_UNSAID;
    struct trn_data_source source = {.path = path, .skip_bad = true, .report = tell_line};
    char *shown = strdup(path);
    *data = (struct cli_evaluation_data){0};
    enum m2c_status status =
        shown ? read_split(split, &part, err) : m2c_fail_memory(err, "the data list", strlen(path));
    if (status == M2C_OK && labels_file)
        status = m2c_label_list_load(labels_file, &data->given, err);
    data->labels = labels_file ? &data->given : own;
    source.labels = data->labels;
    source.argument = shown;
    if (status == M2C_OK)
        status = trn_data_list_read(&source, &data->list, err);
    free(shown);
    if (status != M2C_OK)
        return status;
    if (!data->labels)
        data->labels = &data->list.labels;
    if (split)
        keep_part(&data->list, part);
    if (data->list.count == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "split",
                              "the list has no clip of that "
                              "split");
    data->results = calloc(data->list.count, sizeof *data->results);
    return data->results
               ? M2C_OK
               : m2c_fail_memory(err, "the results", data->list.count * sizeof *data->results);
}

void cli_evaluation_data_destroy(struct cli_evaluation_data *data)
{
    free(data->results);
    trn_data_list_destroy(&data->list);
    m2c_label_list_destroy(&data->given);
    *data = (struct cli_evaluation_data){0};
}

enum m2c_status cli_evaluation_data_key(const struct cli_evaluation_data *data, const char *what,
                                        char key[M2C_DIGEST_HEX_BYTES], struct m2c_error *err)
{
    unsigned char bytes[M2C_DIGEST_BYTES];
    struct m2c_digest *digest;
    char facts[128];
    enum m2c_status status = m2c_digest_new(&digest, err);
    if (status != M2C_OK)
        return status;
    m2c_digest_add_text(digest, what);
    for (size_t i = 0; i < data->labels->count; i++)
        m2c_digest_add_text(digest, data->labels->names[i]);
    for (size_t i = 0; i < data->list.count; i++) {
        const struct trn_item *item = &data->list.items[i];
        (void)snprintf(facts, sizeof facts, "%zu %.9g %.9g", item->label, item->start_s,
                       item->end_s);
        m2c_digest_add_text(digest, item->path);
        m2c_digest_add_text(digest, facts);
    }
    status = m2c_digest_finish(digest, bytes, err);
    m2c_digest_free(&digest);
    if (status == M2C_OK)
        m2c_digest_hex(bytes, key);
    return status;
}

enum m2c_status cli_pending_init(struct cli_pending *pending,
                                 const struct cli_evaluation_data *data, struct m2c_error *err)
{
    size_t count = data->list.count;
    *pending = (struct cli_pending){.inputs.items = calloc(count, sizeof(char *)),
                                    .spans = calloc(count, sizeof *pending->spans),
                                    .truths = calloc(count, sizeof *pending->truths),
                                    .items = calloc(count, sizeof *pending->items)};
    if (!pending->inputs.items || !pending->spans || !pending->truths || !pending->items)
        return m2c_fail_memory(err, "the clips", count * sizeof *pending->spans);
    for (size_t i = 0; i < count; i++) {
        const struct trn_item *item = &data->list.items[i];
        if (data->results[i].done)
            continue;
        size_t at = pending->inputs.count++;
        pending->inputs.items[at] = item->path;
        pending->spans[at].start_s = item->start_s > 0.0 ? item->start_s : (double)NAN;
        pending->spans[at].end_s = item->end_s > 0.0 ? item->end_s : (double)NAN;
        pending->truths[at] = item->label;
        pending->items[at] = i;
    }
    return M2C_OK;
}

void cli_pending_destroy(struct cli_pending *pending)
{
    free(pending->inputs.items);
    free(pending->spans);
    free(pending->truths);
    free(pending->items);
    *pending = (struct cli_pending){0};
}
