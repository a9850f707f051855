#include "model/layer_builder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"

void m2c_tensor_name(char out[M2C_LAYER_NAME_BYTES], const char *prefix, const char *name)
{
    (void)snprintf(out, M2C_LAYER_NAME_BYTES, "%s%s", prefix, name);
}

bool m2c_builder_has(const struct m2c_layer_builder *builder, const char *prefix, const char *name)
{
    char full[M2C_LAYER_NAME_BYTES];
    m2c_tensor_name(full, prefix, name);
    return m2c_weights_has(builder->weights, full);
}

struct each {
    const struct m2c_layer_builder *builder;
    size_t count;
    m2c_builder_work work;
    void *argument;
    struct m2c_error *errors; /* [team size] */
    enum m2c_status *statuses;
};

static void each_member(void *argument, int member, int size)
{
    struct each *each = argument;
    struct m2c_layer_builder own = *each->builder;
    own.err = &each->errors[member];
    own.team = NULL;
    for (size_t i = (size_t)member; i < each->count; i += (size_t)size)
        each->work(&own, i, each->argument);
    each->statuses[member] = own.status;
}

void m2c_builder_each(struct m2c_layer_builder *builder, size_t count, m2c_builder_work work,
                      void *argument)
{
    int size = builder->team ? m2c_team_size(builder->team) : 1;
    struct each each = {.builder = builder, .count = count, .work = work, .argument = argument};
    each.errors = m2c_builder_allocate(builder, (size_t)size, sizeof *each.errors);
    each.statuses = m2c_builder_allocate(builder, (size_t)size, sizeof *each.statuses);
    if (builder->status == M2C_OK) {
        if (builder->team)
            m2c_team_run(builder->team, each_member, &each);
        else
            each_member(&each, 0, 1);
    }
    for (int i = 0; i < size && builder->status == M2C_OK; i++) {
        builder->status = each.statuses[i];
        if (builder->status != M2C_OK)
            *builder->err = each.errors[i];
    }
    free(each.errors);
    free(each.statuses);
}

void *m2c_builder_allocate(struct m2c_layer_builder *builder, size_t count, size_t size)
{
    if (builder->status != M2C_OK)
        return NULL;
    void *memory = calloc(count ? count : 1, size);
    if (!memory)
        builder->status = m2c_fail_memory(builder->err, "model layers", count * size);
    return memory;
}

float *m2c_builder_zeros(struct m2c_layer_builder *builder, size_t count)
{
    return m2c_builder_allocate(builder, count, sizeof(float));
}

/* The tensor prefix + name of exactly that shape, or NULL after a failure. */
static const struct m2c_tensor *get(struct m2c_layer_builder *builder, const char *prefix,
                                    const char *name, int rank, const size_t *shape)
{
    char full[M2C_LAYER_NAME_BYTES];
    const struct m2c_tensor *tensor = NULL;
    if (builder->status != M2C_OK)
        return NULL;
    m2c_tensor_name(full, prefix, name);
    builder->status = m2c_weights_get(builder->weights, full, rank, shape, &tensor, builder->err);
    return builder->status == M2C_OK ? tensor : NULL;
}

float *m2c_builder_tensor(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                          int rank, const size_t *shape)
{
    const struct m2c_tensor *tensor = get(builder, prefix, name, rank, shape);
    if (!tensor)
        return NULL;
    float *values = m2c_builder_zeros(builder, tensor->elements);
    if (values)
        m2c_tensor_to_f32(tensor, 0, tensor->elements, values);
    return values;
}

float *m2c_builder_vector(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                          size_t count)
{
    return m2c_builder_tensor(builder, prefix, name, 1, &count);
}

void m2c_builder_norm(struct m2c_layer_builder *builder, const char *prefix, const char *name,
                      size_t width, float eps, struct m2c_norm *norm)
{
    char full[M2C_LAYER_NAME_BYTES];
    m2c_tensor_name(full, prefix, name);
    norm->width = width;
    norm->eps = eps;
    norm->gamma = m2c_builder_vector(builder, full, ".weight", width);
    norm->beta = m2c_builder_vector(builder, full, ".bias", width);
}

struct m2c_linear *m2c_builder_linear(struct m2c_layer_builder *builder, size_t in, size_t out)
{
    struct m2c_linear *layer = NULL;
    if (builder->status == M2C_OK)
        builder->status = m2c_linear_new(builder->kind, in, out, &layer, builder->err);
    return layer;
}

static void fill_transposed(float *staging, size_t ld, const float *source,
                            const struct m2c_fill *fill)
{
    for (size_t i = 0; i < fill->in; i++) {
        for (size_t r = 0; r < fill->rows; r++)
            staging[(fill->row + r) * ld + fill->column + i] =
                source[i * fill->total_rows + fill->source_row + r];
    }
}

void m2c_builder_fill(struct m2c_layer_builder *builder, struct m2c_linear *layer,
                      const char *prefix, const char *name, const struct m2c_fill *fill)
{
    size_t matrix[2] = {fill->total_rows, fill->in};
    size_t transposed[2] = {fill->in, fill->total_rows};
    size_t patch[4] = {fill->total_rows, 3, fill->patch_px, fill->patch_px};
    bool convolution = fill->rank == 4;
    const size_t *shape = convolution ? patch : fill->transposed ? transposed : matrix;
    const struct m2c_tensor *tensor = get(builder, prefix, name, convolution ? 4 : 2, shape);
    if (!tensor)
        return;
    float *staging = m2c_linear_staging(layer);
    size_t ld = m2c_linear_in(layer);
    assert(fill->row + fill->rows <= m2c_linear_out(layer) && fill->column + fill->in <= ld);
    if (!fill->transposed) {
        for (size_t r = 0; r < fill->rows; r++)
            m2c_tensor_to_f32(tensor, (fill->source_row + r) * fill->in, fill->in,
                              staging + (fill->row + r) * ld + fill->column);
        return;
    }
    float *source = m2c_builder_zeros(builder, tensor->elements);
    if (!source)
        return;
    m2c_tensor_to_f32(tensor, 0, tensor->elements, source);
    fill_transposed(staging, ld, source, fill);
    free(source);
}

void m2c_builder_fill_bias(struct m2c_layer_builder *builder, struct m2c_linear *layer, size_t row,
                           size_t rows, const char *prefix, const char *name, size_t source,
                           size_t total)
{
    float *values = m2c_builder_vector(builder, prefix, name, total);
    if (!values)
        return;
    float *bias = m2c_linear_bias(layer) + row;
    for (size_t r = 0; r < rows; r++)
        bias[r] += values[source + r];
    free(values);
}

void m2c_builder_seal(struct m2c_layer_builder *builder, struct m2c_linear *layer)
{
    if (builder->status == M2C_OK)
        builder->status = m2c_linear_seal(layer, builder->err);
}

struct m2c_linear *m2c_builder_dense(struct m2c_layer_builder *builder, const char *prefix,
                                     const char *name, size_t in, size_t out)
{
    char full[M2C_LAYER_NAME_BYTES];
    struct m2c_linear *layer = m2c_builder_linear(builder, in, out);
    if (!layer)
        return NULL;
    m2c_tensor_name(full, prefix, name);
    struct m2c_fill fill = {.rows = out, .total_rows = out, .in = in};
    m2c_builder_fill(builder, layer, full, ".weight", &fill);
    m2c_builder_fill_bias(builder, layer, 0, out, full, ".bias", 0, out);
    m2c_builder_seal(builder, layer);
    return layer;
}
