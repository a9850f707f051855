#include "model/weights_files.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/json_members.h"

#define INDEX_NAME "model.safetensors.index.json"

enum { INDEX_LIMIT_BYTES = 64 << 20, SHARDS_MAX = 1024, SHARD_NAME_BYTES = 255 };

enum m2c_status m2c_weights_files_single(const char *name, struct m2c_safetensors *tensors,
                                         struct m2c_weights_files *out, struct m2c_error *err)
{
    *out = (struct m2c_weights_files){.rows = calloc(1, sizeof *out->rows)};
    char *copy = strdup(name);
    if (!out->rows || !copy) {
        free(copy);
        free(out->rows);
        m2c_safetensors_free(&tensors);
        *out = (struct m2c_weights_files){0};
        return m2c_fail_memory(err, "the list of weight files", sizeof *out->rows);
    }
    out->rows[0] = (struct m2c_weights_file){.name = copy, .tensors = tensors};
    out->count = 1;
    return M2C_OK;
}

/* A shard lies beside its index: no separators, no way up, nothing hidden. */
static bool is_shard_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length <= SHARD_NAME_BYTES && name[0] != '.' && !strchr(name, '/') &&
           !strchr(name, '\\');
}

static int by_name(const void *left, const void *right)
{
    const struct m2c_weights_file *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static bool has_row(const struct m2c_weights_files *files, const char *name)
{
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->rows[i].name, name) == 0)
            return true;
    return false;
}

/* Lists each file that the map names once. */
static enum m2c_status list_shards(struct m2c_weights_files *files, struct m2c_error *err)
{
    const char *tensor;
    json_t *value;
    files->rows = calloc(SHARDS_MAX, sizeof *files->rows);
    if (!files->rows)
        return m2c_fail_memory(err, "the list of shards", SHARDS_MAX * sizeof *files->rows);
    json_object_foreach (files->map, tensor, value) {
        const char *name = json_string_value(value);
        char printable[M2C_TENSOR_TEXT_BYTES];
        if (!name || !is_shard_name(name))
            return m2c_fail(err, M2C_BAD_MODEL,
                            INDEX_NAME ": tensor %s is not in a file of the folder",
                            m2c_tensor_printable(tensor, printable));
        if (has_row(files, name))
            continue;
        if (files->count == SHARDS_MAX)
            return m2c_fail(err, M2C_BAD_MODEL, INDEX_NAME ": more than %d shards", SHARDS_MAX);
        files->rows[files->count].name = strdup(name);
        if (!files->rows[files->count].name)
            return m2c_fail_memory(err, "a shard's name", strlen(name));
        files->count++;
    }
    if (files->count > 0)
        qsort(files->rows, files->count, sizeof *files->rows, by_name);
    return M2C_OK;
}

static const char *shard_of(const struct m2c_weights_files *files, const char *tensor)
{
    return json_string_value(json_object_get(files->map, tensor));
}

bool m2c_weights_files_counts(const struct m2c_weights_files *files, size_t row, const char *tensor)
{
    const char *shard = shard_of(files, tensor);
    return !shard || strcmp(shard, files->rows[row].name) == 0;
}

/* Every tensor of the map must be in its file: count those that are, look for one that is not. */
static enum m2c_status check_promises(const struct m2c_weights_files *files, struct m2c_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < files->count; i++) {
        const struct m2c_safetensors *tensors = files->rows[i].tensors;
        for (size_t j = 0; j < m2c_safetensors_count(tensors); j++) {
            const char *shard = shard_of(files, m2c_safetensors_at(tensors, j)->name);
            kept += shard && strcmp(shard, files->rows[i].name) == 0;
        }
    }
    if (kept == json_object_size(files->map))
        return M2C_OK;
    const char *tensor;
    json_t *value;
    json_object_foreach (files->map, tensor, value) {
        char printable[M2C_TENSOR_TEXT_BYTES];
        for (size_t i = 0; i < files->count; i++)
            if (strcmp(files->rows[i].name, json_string_value(value)) == 0 &&
                !m2c_safetensors_find(files->rows[i].tensors, tensor))
                return m2c_fail(err, M2C_BAD_MODEL, INDEX_NAME ": tensor %s is not in its shard",
                                m2c_tensor_printable(tensor, printable));
    }
    return m2c_fail(err, M2C_BAD_MODEL, INDEX_NAME ": a tensor is not in its shard");
}

static enum m2c_status open_shards(const char *dir, struct m2c_weights_files *files,
                                   struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status = list_shards(files, err);
    for (size_t i = 0; status == M2C_OK && i < files->count; i++) {
        status = m2c_folder_path(path, dir, files->rows[i].name, err);
        if (status == M2C_OK)
            status = m2c_safetensors_open(path, &files->rows[i].tensors, err);
    }
    return status == M2C_OK ? check_promises(files, err) : status;
}

static enum m2c_status read_map(const char *path, json_t **map, struct m2c_error *err)
{
    char *bytes = NULL;
    size_t size = 0;
    json_t *root = NULL;
    enum m2c_status status = m2c_folder_read(path, INDEX_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK)
        status = m2c_members_parse(INDEX_NAME, bytes, size, &root, err);
    if (status == M2C_OK) {
        *map = json_incref(json_object_get(root, "weight_map"));
        if (!json_is_object(*map))
            status = m2c_fail(err, M2C_BAD_MODEL, INDEX_NAME ": weight_map is not an object");
    }
    json_decref(root);
    free(bytes);
    return status;
}

enum m2c_status m2c_weights_files_open(const char *dir, struct m2c_weights_files *out,
                                       struct m2c_error *err)
{
    char path[M2C_PATH_BYTES], index_path[M2C_PATH_BYTES];
    struct m2c_safetensors *tensors = NULL;
    *out = (struct m2c_weights_files){0};
    enum m2c_status status = m2c_folder_path(path, dir, "model.safetensors", err);
    if (status == M2C_OK)
        status = m2c_folder_path(index_path, dir, INDEX_NAME, err);
    if (status != M2C_OK)
        return status;
    if (m2c_folder_has(path) || !m2c_folder_has(index_path)) {
        status = m2c_safetensors_open(path, &tensors, err);
        return status == M2C_OK ? m2c_weights_files_single("model.safetensors", tensors, out, err)
                                : status;
    }
    status = read_map(index_path, &out->map, err);
    if (status == M2C_OK)
        status = open_shards(dir, out, err);
    if (status != M2C_OK)
        m2c_weights_files_close(out);
    return status;
}

void m2c_weights_files_close(struct m2c_weights_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        m2c_safetensors_free(&files->rows[i].tensors);
        free(files->rows[i].name);
    }
    free(files->rows);
    json_decref(files->map);
    *files = (struct m2c_weights_files){0};
}
