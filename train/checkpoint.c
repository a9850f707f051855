#include "train/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors_writer.h"

enum { NUMBER_BYTES = 40, PARTS = 3, NAME_BYTES = M2C_TENSOR_NAME_BYTES + 16 };

static const char format_name[] = "m2clip checkpoint 1";
static const char *const part_names[PARTS] = {"value.", "moment_1.", "moment_2."};

static float *part_of(const struct trn_tensor *tensor, size_t part)
{
    float *const parts[PARTS] = {tensor->value, tensor->moment_1, tensor->moment_2};
    return parts[part];
}

static void part_name(char out[NAME_BYTES], size_t part, const struct trn_tensor *tensor)
{
    (void)snprintf(out, NAME_BYTES, "%s%s", part_names[part], tensor->name);
}

/* The counters that are whole numbers, by name. */
struct counter {
    const char *name;
    size_t offset;
};

static const struct counter counters[] = {
    {"seed", offsetof(struct trn_progress, seed)},
    {"step", offsetof(struct trn_progress, step)},
    {"epoch", offsetof(struct trn_progress, epoch)},
    {"batch", offsetof(struct trn_progress, batch)},
    {"best_step", offsetof(struct trn_progress, best_step)},
};

enum { COUNTERS = sizeof counters / sizeof counters[0] };

static enum m2c_status write_metadata(struct m2c_safetensors_writer *writer,
                                      const struct trn_progress *progress, struct m2c_error *err)
{
    char text[NUMBER_BYTES];
    enum m2c_status status = m2c_safetensors_writer_metadata(writer, "format", format_name, err);
    for (size_t i = 0; status == M2C_OK && i < COUNTERS; i++) {
        uint64_t value;
        memcpy(&value, (const char *)progress + counters[i].offset, sizeof value);
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)value);
        status = m2c_safetensors_writer_metadata(writer, counters[i].name, text, err);
    }
    (void)snprintf(text, sizeof text, "%a", progress->best);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_metadata(writer, "best", text, err);
    return status == M2C_OK ? m2c_safetensors_writer_metadata(writer, "run", progress->run, err)
                            : status;
}

static enum m2c_status declare_part(struct m2c_safetensors_writer *writer, size_t part,
                                    const struct trn_tensor *tensor, struct m2c_error *err)
{
    char name[NAME_BYTES];
    part_name(name, part, tensor);
    return m2c_safetensors_writer_declare(writer, name, M2C_DTYPE_F32, tensor->rank, tensor->shape,
                                          err);
}

static enum m2c_status write_part(struct m2c_safetensors_writer *writer, size_t part,
                                  const struct trn_tensor *tensor, struct m2c_error *err)
{
    return m2c_safetensors_writer_write(writer, part_of(tensor, part),
                                        tensor->count * sizeof(float), err);
}

typedef enum m2c_status (*part_work)(struct m2c_safetensors_writer *writer, size_t part,
                                     const struct trn_tensor *tensor, struct m2c_error *err);

static enum m2c_status for_parts(struct m2c_safetensors_writer *writer,
                                 const struct trn_tensors *tensors, part_work work,
                                 struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; i < trn_tensors_count(tensors); i++) {
        const struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        for (size_t part = 0; tensor->trained && part < PARTS && status == M2C_OK; part++)
            status = work(writer, part, tensor, err);
    }
    return status;
}

enum m2c_status trn_checkpoint_write(const char *path, const struct trn_tensors *tensors,
                                     const struct trn_progress *progress, struct m2c_error *err)
{
    struct m2c_safetensors_writer *writer = NULL;
    enum m2c_status status = m2c_safetensors_writer_new(path, &writer, err);
    if (status == M2C_OK)
        status = write_metadata(writer, progress, err);
    if (status == M2C_OK)
        status = for_parts(writer, tensors, declare_part, err);
    if (status == M2C_OK)
        status = for_parts(writer, tensors, write_part, err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_finish(writer, err);
    m2c_safetensors_writer_free(&writer);
    return status;
}

/* The whole text as a number below 2^64. */
static bool read_counter(const char *text, uint64_t *value)
{
    if (!text || *text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    errno = 0;
    unsigned long long number = strtoull(text, NULL, 10);
    *value = number;
    return errno == 0;
}

static enum m2c_status read_metadata(const struct m2c_safetensors *file,
                                     struct trn_progress *progress, struct m2c_error *err)
{
    const char *format = m2c_safetensors_metadata(file, "format");
    const char *best = m2c_safetensors_metadata(file, "best");
    const char *run = m2c_safetensors_metadata(file, "run");
    char *end = NULL;
    if (!format || strcmp(format, format_name) != 0 || !best || !run)
        return m2c_fail(err, M2C_BAD_MODEL, "the file is no checkpoint of this program");
    for (size_t i = 0; i < COUNTERS; i++) {
        uint64_t value;
        if (!read_counter(m2c_safetensors_metadata(file, counters[i].name), &value))
            return m2c_fail(err, M2C_BAD_MODEL, "the checkpoint's %s is no number",
                            counters[i].name);
        memcpy((char *)progress + counters[i].offset, &value, sizeof value);
    }
    progress->best = strtod(best, &end);
    if (*best == '\0' || *end != '\0')
        return m2c_fail(err, M2C_BAD_MODEL, "the checkpoint's best figure is no number");
    if (strcmp(run, progress->run) != 0) {
        (void)m2c_fail(err, M2C_INVALID_REQUEST,
                       "the checkpoint belongs to a run with other options, data or base");
        return m2c_error_context(err, "then: %.110s; now: %.110s", run, progress->run);
    }
    return M2C_OK;
}

static bool fits(const struct m2c_tensor *stored, const struct trn_tensor *tensor)
{
    bool same = stored && stored->dtype == M2C_DTYPE_F32 && stored->rank == tensor->rank;
    for (int i = 0; same && i < tensor->rank; i++)
        same = stored->shape[i] == tensor->shape[i];
    return same;
}

/* Where each stored tensor goes: found before anything is copied. */
struct destination {
    const struct m2c_tensor *stored;
    float *values;
};

/* Searches for every part; both lists are walked in the order that the file was written in. */
static enum m2c_status find_parts(const struct m2c_safetensors *file,
                                  const struct trn_tensors *tensors,
                                  struct destination *destinations, size_t *count,
                                  struct m2c_error *err)
{
    char name[NAME_BYTES];
    *count = 0;
    for (size_t i = 0; i < trn_tensors_count(tensors); i++) {
        const struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        for (size_t part = 0; tensor->trained && part < PARTS; part++) {
            part_name(name, part, tensor);
            const struct m2c_tensor *stored =
                *count < m2c_safetensors_count(file) ? m2c_safetensors_at(file, *count) : NULL;
            if (!stored || strcmp(stored->name, name) != 0 || !fits(stored, tensor))
                return m2c_fail(err, M2C_BAD_MODEL,
                                "the checkpoint does not hold what this run trains: %s", name);
            destinations[(*count)++] =
                (struct destination){.stored = stored, .values = part_of(tensor, part)};
        }
    }
    if (*count != m2c_safetensors_count(file))
        return m2c_fail(err, M2C_BAD_MODEL, "the checkpoint holds %zu tensors; this run trains %zu",
                        m2c_safetensors_count(file) / PARTS, *count / PARTS);
    return M2C_OK;
}

enum m2c_status trn_checkpoint_read(const char *path, struct trn_tensors *tensors,
                                    struct trn_progress *progress, struct m2c_error *err)
{
    struct m2c_safetensors *file = NULL;
    struct trn_progress read = *progress;
    size_t count = 0, most = PARTS * trn_tensors_count(tensors) + 1;
    struct destination *destinations = calloc(most, sizeof *destinations);
    enum m2c_status status = destinations
                                 ? m2c_safetensors_open(path, &file, err)
                                 : m2c_fail_memory(err, "tensors", most * sizeof *destinations);
    if (status == M2C_OK)
        status = read_metadata(file, &read, err);
    if (status == M2C_OK)
        status = find_parts(file, tensors, destinations, &count, err);
    for (size_t i = 0; status == M2C_OK && i < count; i++)
        memcpy(destinations[i].values, destinations[i].stored->data, destinations[i].stored->bytes);
    if (status == M2C_OK)
        *progress = read;
    m2c_safetensors_free(&file);
    free(destinations);
    return status;
}
