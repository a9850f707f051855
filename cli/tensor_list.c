#include "cli/tensor_list.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors_writer.h"
#include "runtime/checked.h"

struct cli_tensor *cli_tensor_find(struct cli_tensor_list *list, const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) == 0)
            return &list->items[i];
    }
    return NULL;
}

/* A new tensor without values; NULL, with the error filled, for want of memory. */
static struct cli_tensor *add_empty(struct cli_tensor_list *list, const char *name,
                                    struct m2c_error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct cli_tensor *items = realloc(list->items, capacity * sizeof *items);
        if (!items) {
            (void)m2c_fail_memory(err, "tensors", capacity * sizeof *items);
            return NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    struct cli_tensor *tensor = &list->items[list->count++];
    *tensor = (struct cli_tensor){0};
    (void)snprintf(tensor->name, sizeof tensor->name, "%s", name);
    return tensor;
}

enum m2c_status cli_tensor_add(struct cli_tensor_list *list, const char *name, int rank,
                               const size_t *shape, float **values, struct m2c_error *err)
{
    size_t count = 1, bytes;
    for (int i = 0; i < rank; i++) {
        if (!m2c_checked_multiply(count, shape[i], &count))
            return m2c_fail_memory(err, name, SIZE_MAX);
    }
    if (!m2c_checked_multiply(count, sizeof(float), &bytes))
        return m2c_fail_memory(err, name, SIZE_MAX);
    struct cli_tensor *tensor = add_empty(list, name, err);
    if (!tensor)
        return err->status;
    tensor->values = calloc(count + 1, sizeof *tensor->values);
    if (!tensor->values)
        return m2c_fail_memory(err, name, bytes);
    tensor->count = tensor->capacity = count;
    tensor->rank = rank;
    memcpy(tensor->shape, shape, (size_t)rank * sizeof *shape);
    if (values)
        *values = tensor->values;
    return M2C_OK;
}

enum m2c_status cli_tensor_append(struct cli_tensor_list *list, const char *name,
                                  const float *values, size_t count, struct m2c_error *err)
{
    struct cli_tensor *tensor = cli_tensor_find(list, name);
    size_t needed, bytes;
    if (!tensor)
        tensor = add_empty(list, name, err);
    if (!tensor)
        return err->status;
    if (!m2c_checked_add(tensor->count, count, &needed) ||
        !m2c_checked_multiply(needed, 2 * sizeof(float), &bytes))
        return m2c_fail_memory(err, name, SIZE_MAX);
    if (needed > tensor->capacity) {
        size_t capacity = tensor->count == 0 ? needed : 2 * needed;
        float *bigger = realloc(tensor->values, capacity * sizeof *bigger);
        if (!bigger)
            return m2c_fail_memory(err, name, capacity * sizeof *bigger);
        tensor->values = bigger;
        tensor->capacity = capacity;
    }
    memcpy(tensor->values + tensor->count, values, count * sizeof *values);
    tensor->count = needed;
    return M2C_OK;
}

static enum m2c_status declare(struct m2c_safetensors_writer *writer,
                               const struct cli_tensor *tensor, struct m2c_error *err)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    assert(count == tensor->count);
    return m2c_safetensors_writer_declare(writer, tensor->name, M2C_DTYPE_F32, tensor->rank,
                                          tensor->shape, err);
}

enum m2c_status cli_tensor_write(const struct cli_tensor_list *list, const char *path,
                                 struct m2c_error *err)
{
    struct m2c_safetensors_writer *writer = NULL;
    enum m2c_status status = m2c_safetensors_writer_new(path, &writer, err);
    for (size_t i = 0; i < list->count && status == M2C_OK; i++)
        status = declare(writer, &list->items[i], err);
    for (size_t i = 0; i < list->count && status == M2C_OK; i++)
        status = m2c_safetensors_writer_write(writer, list->items[i].values,
                                              list->items[i].count * sizeof(float), err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_finish(writer, err);
    m2c_safetensors_writer_free(&writer);
    return status;
}

void cli_tensor_list_destroy(struct cli_tensor_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].values);
    free(list->items);
    *list = (struct cli_tensor_list){0};
}
