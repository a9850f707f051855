#include "train/history.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"

enum { LOG_LIMIT_BYTES = 1 << 30 };

/* The figures of a row by their names in the log. */
struct figure {
    const char *name;
    size_t offset;
};

#define FIGURE(name, member)                                                                       \
    {                                                                                              \
        name, offsetof(struct trn_history_row, member)                                             \
    }
static const struct figure figures[] = {
    FIGURE("loss", losses.total),
    FIGURE("contrastive", losses.contrastive),
    FIGURE("cmc", losses.cmc),
    FIGURE("vc", losses.vc),
    FIGURE("cmlm", losses.cmlm),
    FIGURE("learning_rate", rate),
    FIGURE("vc_top1", vc_top1),
    FIGURE("zeroshot_top1", zeroshot_top1),
    FIGURE("ms", ms),
};

enum { FIGURES = sizeof figures / sizeof figures[0] };

static enum m2c_status keep(struct trn_history *history, const struct trn_history_row *row,
                            struct m2c_error *err)
{
    if (history->count == history->capacity) {
        size_t capacity = history->capacity > 0 ? 2 * history->capacity : 256;
        struct trn_history_row *rows = realloc(history->rows, capacity * sizeof *rows);
        if (!rows)
            return m2c_fail_memory(err, "a run's history", capacity * sizeof *rows);
        history->rows = rows;
        history->capacity = capacity;
    }
    history->rows[history->count++] = *row;
    return M2C_OK;
}

static void print_row(FILE *stream, const struct trn_history_row *row)
{
    (void)fprintf(stream, "{\"event\": \"%s\", \"step\": %llu, \"epoch\": %llu",
                  row->validation ? "validation" : "step", (unsigned long long)row->step,
                  (unsigned long long)row->epoch);
    for (size_t i = 0; i < FIGURES; i++) {
        double value;
        memcpy(&value, (const char *)row + figures[i].offset, sizeof value);
        if (isfinite(value))
            (void)fprintf(stream, ", \"%s\": %.17g", figures[i].name, value);
    }
    (void)fprintf(stream, "}\n");
}

/* False for a line that is none of ours, such as one that a kill cut short. */
static bool parse_row(const char *line, size_t length, struct trn_history_row *row)
{
    json_t *object = json_loadb(line, length, 0, NULL);
    const char *event = json_string_value(json_object_get(object, "event"));
    if (event) {
        *row = (struct trn_history_row){
            .step = (uint64_t)json_integer_value(json_object_get(object, "step")),
            .epoch = (uint64_t)json_integer_value(json_object_get(object, "epoch")),
            .validation = strcmp(event, "validation") == 0};
        for (size_t i = 0; i < FIGURES; i++) {
            const json_t *value = json_object_get(object, figures[i].name);
            double number = value ? json_number_value(value) : (double)NAN;
            memcpy((char *)row + figures[i].offset, &number, sizeof number);
        }
    }
    json_decref(object);
    return event != NULL;
}

static enum m2c_status read_rows(struct trn_history *history, const char *path, uint64_t last_step,
                                 struct m2c_error *err)
{
    char *text = NULL;
    size_t size = 0;
    enum m2c_status status = m2c_folder_read_optional(path, LOG_LIMIT_BYTES, &text, &size, err);
    for (size_t at = 0; status == M2C_OK && at < size;) {
        size_t length = strcspn(text + at, "\n");
        struct trn_history_row row;
        if (parse_row(text + at, length, &row) && row.step <= last_step)
            status = keep(history, &row, err);
        at += length + 1;
    }
    free(text);
    return status;
}

enum m2c_status trn_history_open(struct trn_history *history, const char *path, uint64_t last_step,
                                 struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    *history = (struct trn_history){0};
    if (last_step > 0)
        status = read_rows(history, path, last_step, err);
    if (status != M2C_OK)
        return status;
    history->log = fopen(path, "we");
    if (!history->log)
        return m2c_fail_errno(err, "opening", path);
    for (size_t i = 0; i < history->count; i++)
        print_row(history->log, &history->rows[i]);
    return fflush(history->log) == 0 ? M2C_OK : m2c_fail_errno(err, "writing", path);
}

enum m2c_status trn_history_add(struct trn_history *history, const struct trn_history_row *row,
                                struct m2c_error *err)
{
    enum m2c_status status = keep(history, row, err);
    if (status != M2C_OK || !history->log)
        return status;
    print_row(history->log, row);
    return fflush(history->log) == 0 ? M2C_OK : m2c_fail_errno(err, "writing the log", NULL);
}

void trn_history_close(struct trn_history *history)
{
    if (history->log)
        (void)fclose(history->log);
    free(history->rows);
    *history = (struct trn_history){0};
}
