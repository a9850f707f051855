#include "train/tensors.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/tensor_names.h"
#include "model/tensor_values.h"
#include "runtime/arena.h"
#include "runtime/checked.h"

struct trn_tensors {
    struct trn_tensor **items; /* in the order of their names */
    size_t count, capacity;
    struct m2c_arena trained; /* gradients, then first moments, then second moments */
    size_t trained_floats;    /* of each of the three */
    bool settled;
};

enum { FIRST_CAPACITY = 256 };

enum m2c_status trn_tensors_new(struct trn_tensors **out, struct m2c_error *err)
{
    *out = calloc(1, sizeof **out);
    return *out ? M2C_OK : m2c_fail_memory(err, "a list of tensors", sizeof **out);
}

static void tensor_free(struct trn_tensor *tensor)
{
    if (tensor)
        free(tensor->value);
    free(tensor);
}

void trn_tensors_free(struct trn_tensors **tensors_pointer)
{
    struct trn_tensors *tensors = *tensors_pointer;
    *tensors_pointer = NULL;
    if (!tensors)
        return;
    for (size_t i = 0; i < tensors->count; i++)
        tensor_free(tensors->items[i]);
    free(tensors->items);
    m2c_arena_destroy(&tensors->trained);
    free(tensors);
}

/* The first place whose name is not below `name`. */
static size_t lower_bound(const struct trn_tensors *tensors, const char *name)
{
    size_t low = 0, high = tensors->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(tensors->items[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct trn_tensor *trn_tensors_find(const struct trn_tensors *tensors, const char *name)
{
    size_t place = lower_bound(tensors, name);
    bool found = place < tensors->count && strcmp(tensors->items[place]->name, name) == 0;
    return found ? tensors->items[place] : NULL;
}

size_t trn_tensors_count(const struct trn_tensors *tensors)
{
    return tensors->count;
}

struct trn_tensor *trn_tensors_at(const struct trn_tensors *tensors, size_t index)
{
    return tensors->items[index];
}

static bool grow(struct trn_tensors *tensors)
{
    if (tensors->count < tensors->capacity)
        return true;
    size_t capacity = tensors->capacity ? 2 * tensors->capacity : FIRST_CAPACITY;
    struct trn_tensor **items = realloc(tensors->items, capacity * sizeof(struct trn_tensor *));
    if (!items)
        return false;
    tensors->items = items;
    tensors->capacity = capacity;
    return true;
}

/* Takes the tensor, also on failure. */
static enum m2c_status place(struct trn_tensors *tensors, struct trn_tensor *tensor,
                             struct m2c_error *err)
{
    size_t index = lower_bound(tensors, tensor->name);
    if (index < tensors->count && strcmp(tensors->items[index]->name, tensor->name) == 0) {
        tensor_free(tensors->items[index]);
        tensors->items[index] = tensor;
        return M2C_OK;
    }
    if (!grow(tensors)) {
        tensor_free(tensor);
        return m2c_fail_memory(err, "a list of tensors",
                               tensors->capacity * sizeof(struct trn_tensor *));
    }
    memmove(tensors->items + index + 1, tensors->items + index,
            (tensors->count - index) * sizeof(struct trn_tensor *));
    tensors->items[index] = tensor;
    tensors->count++;
    return M2C_OK;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static float *new_values(size_t count)
{
    size_t bytes;
    if (!m2c_checked_multiply(count, sizeof(float), &bytes) || bytes > SIZE_MAX - M2C_ARENA_ALIGN)
        return NULL;
    bytes = (bytes / M2C_ARENA_ALIGN + 1) * M2C_ARENA_ALIGN;
    float *values = aligned_alloc(M2C_ARENA_ALIGN, bytes);
    if (values)
        memset(values, 0, bytes);
    return values;
}

/* A new tensor that is in no list; NULL, with the error filled, if it cannot be. */
static struct trn_tensor *new_tensor(const char *name, const char *file_name, int rank,
                                     const size_t *shape, struct m2c_error *err)
{
    struct trn_tensor *tensor = calloc(1, sizeof *tensor);
    bool fits = rank <= M2C_MAX_RANK && strlen(name) < sizeof tensor->name &&
                strlen(file_name) < sizeof tensor->file_name;
    if (!tensor || !fits) {
        free(tensor);
        if (fits)
            (void)m2c_fail_memory(err, "a tensor", sizeof *tensor);
        else
            (void)m2c_fail(err, M2C_BAD_MODEL, "a tensor's name exceeds %d bytes",
                           M2C_TENSOR_NAME_BYTES - 1);
        return NULL;
    }
    (void)snprintf(tensor->name, sizeof tensor->name, "%s", name);
    (void)snprintf(tensor->file_name, sizeof tensor->file_name, "%s", file_name);
    tensor->rank = rank;
    tensor->count = 1;
    bool counted = true;
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        counted = counted && m2c_checked_multiply(tensor->count, shape[i], &tensor->count);
    }
    tensor->decays = !ends_with(name, "bias");
    tensor->textual = strstr(name, "textad_") != NULL;
    tensor->value = counted ? new_values(tensor->count) : NULL;
    if (!tensor->value) {
        (void)m2c_fail_memory(err, "a tensor", counted ? tensor->count * sizeof(float) : SIZE_MAX);
        tensor_free(tensor);
        return NULL;
    }
    return tensor;
}

enum m2c_status trn_tensors_add(struct trn_tensors *tensors, const char *name, int rank,
                                const size_t *shape, float **values, struct m2c_error *err)
{
    assert(!tensors->settled);
    struct trn_tensor *tensor = new_tensor(name, name, rank, shape, err);
    if (!tensor)
        return err->status;
    *values = tensor->value;
    return place(tensors, tensor, err);
}

enum m2c_status trn_tensors_add_weights(struct trn_tensors *tensors,
                                        const struct m2c_weights *weights, struct m2c_error *err)
{
    assert(!tensors->settled);
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < m2c_weights_count(weights); i++) {
        const struct m2c_tensor *source = m2c_weights_at(weights, i);
        if (!m2c_tensor_is_float(source))
            continue;
        struct trn_tensor *tensor = new_tensor(m2c_weights_name_at(weights, i), source->name,
                                               source->rank, source->shape, err);
        if (!tensor)
            return err->status;
        m2c_tensor_to_f32(source, 0, source->elements, tensor->value);
        status = place(tensors, tensor, err);
    }
    return status;
}

void trn_tensors_remove_adapters(struct trn_tensors *tensors)
{
    size_t kept = 0;
    assert(!tensors->settled);
    for (size_t i = 0; i < tensors->count; i++) {
        if (m2c_tensor_is_adapter(tensors->items[i]->name))
            tensor_free(tensors->items[i]);
        else
            tensors->items[kept++] = tensors->items[i];
    }
    tensors->count = kept;
}

static bool is_selected(const struct trn_selection *selection, const char *name)
{
    for (size_t i = 0; i < selection->frozen_count; i++) {
        if (strstr(name, selection->frozen[i]))
            return false;
    }
    return selection->full || m2c_tensor_is_adapter(name);
}

static size_t padded_floats(size_t count)
{
    return m2c_arena_floats_bytes(count) / sizeof(float);
}

enum m2c_status trn_tensors_select(struct trn_tensors *tensors,
                                   const struct trn_selection *selection, struct m2c_error *err)
{
    assert(!tensors->settled);
    for (size_t i = 0; i < tensors->count; i++) {
        struct trn_tensor *tensor = tensors->items[i];
        tensor->trained = is_selected(selection, tensor->name);
        if (tensor->trained)
            tensors->trained_floats += padded_floats(tensor->count);
    }
    if (tensors->trained_floats == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "no tensor would be trained");
    enum m2c_status status =
        m2c_arena_init(&tensors->trained, 3 * tensors->trained_floats * sizeof(float), err);
    if (status != M2C_OK)
        return status;
    float *next = m2c_arena_floats(&tensors->trained, 3 * tensors->trained_floats);
    for (size_t i = 0; i < tensors->count; i++) {
        struct trn_tensor *tensor = tensors->items[i];
        if (!tensor->trained)
            continue;
        tensor->grad = next;
        tensor->moment_1 = next + tensors->trained_floats;
        tensor->moment_2 = next + 2 * tensors->trained_floats;
        next += padded_floats(tensor->count);
    }
    tensors->settled = true;
    return M2C_OK;
}

float *trn_tensors_gradients(const struct trn_tensors *tensors, size_t *count)
{
    *count = tensors->trained_floats;
    return (float *)(void *)tensors->trained.base;
}

void trn_tensors_clear_gradients(struct trn_tensors *tensors)
{
    size_t count;
    float *gradients = trn_tensors_gradients(tensors, &count);
    if (count > 0)
        memset(gradients, 0, count * sizeof *gradients);
}

size_t trn_tensors_bytes(const struct trn_tensors *tensors)
{
    size_t floats = 3 * tensors->trained_floats;
    for (size_t i = 0; i < tensors->count; i++)
        floats += tensors->items[i]->count;
    return floats * sizeof(float);
}
