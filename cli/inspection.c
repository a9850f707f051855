#include "cli/inspection.h"

#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/weights.h"

static bool is_float(enum m2c_dtype dtype)
{
    return dtype == M2C_DTYPE_F32 || dtype == M2C_DTYPE_F16 || dtype == M2C_DTYPE_BF16;
}

/* Matrices of linear layers and the patch convolution; embeddings are looked up, depthwise
 * convolutions stay in f32. */
static bool is_matrix(const struct m2c_tensor *tensor, const char *name)
{
    return tensor->rank >= 2 && !strstr(name, "embedding") && !strstr(name, ".conv.");
}

static void count_parameters(const struct m2c_weights *weights, struct cli_parameter_count *count)
{
    *count = (struct cli_parameter_count){0};
    m2c_weights_parameters(weights, &count->total, &count->adapters);
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        const struct m2c_tensor *tensor = m2c_weights_at(weights, i);
        count->by_dtype[tensor->dtype] += tensor->elements;
        if (is_float(tensor->dtype) && is_matrix(tensor, m2c_weights_name_at(weights, i)))
            count->matrices += tensor->elements;
    }
}

/* An adapter folder's own file; `base` and `default` lie in the folder's weights. */
static enum m2c_status count_set(const char *dir, struct cli_set_inspection *set,
                                 struct m2c_error *err)
{
    const char *name = m2c_set_info(set->set)->name;
    char folder[M2C_PATH_BYTES], path[M2C_PATH_BYTES];
    struct m2c_weights *weights = NULL;
    if (strcmp(name, "base") == 0 || strcmp(name, "default") == 0)
        return M2C_OK;
    enum m2c_status status = m2c_folder_path(folder, dir, "adapters", err);
    if (status == M2C_OK)
        status = m2c_folder_path(path, folder, name, err);
    if (status == M2C_OK)
        status = m2c_folder_path(folder, path, "adapters.safetensors", err);
    if (status == M2C_OK)
        status = m2c_weights_open_file(folder, &weights, err);
    if (status == M2C_OK)
        count_parameters(weights, &set->own);
    m2c_weights_free(&weights);
    return status;
}

enum m2c_status cli_inspection_init(struct cli_inspection *inspection, const char *dir,
                                    struct m2c_error *err)
{
    const struct m2c_model_options options = {.dir = dir, .precision = M2C_PRECISION_F32};
    *inspection = (struct cli_inspection){.dir = dir};
    enum m2c_status status = m2c_model_load(&options, &inspection->model, err);
    if (status != M2C_OK)
        return status;
    size_t count = m2c_model_set_count(inspection->model);
    count_parameters(m2c_model_weights(inspection->model), &inspection->folder);
    inspection->sets = calloc(count, sizeof *inspection->sets);
    if (!inspection->sets)
        return m2c_fail_memory(err, "adapter sets", count * sizeof *inspection->sets);
    inspection->set_count = count;
    for (size_t i = 0; i < count && status == M2C_OK; i++) {
        inspection->sets[i].set = m2c_model_set(inspection->model, i);
        status = count_set(dir, &inspection->sets[i], err);
    }
    return status;
}

void cli_inspection_destroy(struct cli_inspection *inspection)
{
    free(inspection->sets);
    m2c_model_free(&inspection->model);
    *inspection = (struct cli_inspection){0};
}

double cli_inspection_memory(const struct cli_inspection *inspection, enum m2c_precision precision)
{
    double matrices = (double)inspection->folder.matrices;
    for (size_t i = 0; i < inspection->set_count; i++)
        matrices += (double)inspection->sets[i].own.matrices;
    double f32 = (double)m2c_model_weight_bytes(inspection->model);
    switch (precision) {
    case M2C_PRECISION_BF16:
        return f32 - 2.0 * matrices;
    case M2C_PRECISION_INT8:
        return f32 - 3.0 * matrices;
    case M2C_PRECISION_AUTO:
    case M2C_PRECISION_F32:
        break;
    }
    return f32;
}
