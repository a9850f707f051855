#include "model/weights.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/weights_files.h"
#include "runtime/checked.h"

struct entry {
    const char *name; /* canonical: `own_name`, or the tensor's where that does not fit */
    char *own_name;
    const struct m2c_tensor *tensor; /* of its file */
    _Atomic bool used;               /* looked up, by whichever thread */
};

struct m2c_weights {
    struct m2c_weights_files files;
    struct entry *entries; /* in the order of their names */
    size_t count;
    unsigned char (*file_digests)[M2C_DIGEST_BYTES]; /* one a file, or NULL: not yet computed */
};

static int by_name(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return strcmp(a->name, b->name);
}

static enum m2c_status add_entry(struct m2c_weights *weights, const struct m2c_tensor *tensor,
                                 struct m2c_error *err)
{
    char canonical[M2C_TENSOR_NAME_BYTES];
    struct entry *entry = &weights->entries[weights->count];
    *entry = (struct entry){.name = tensor->name, .tensor = tensor};
    if (m2c_tensor_canonical_name(tensor->name, canonical) && strcmp(canonical, entry->name) != 0) {
        entry->own_name = strdup(canonical);
        if (!entry->own_name)
            return m2c_fail_memory(err, "a tensor's name", sizeof canonical);
        entry->name = entry->own_name;
    }
    weights->count++;
    return M2C_OK;
}

static enum m2c_status check_once(const struct m2c_weights *weights, struct m2c_error *err)
{
    for (size_t i = 1; i < weights->count; i++) {
        char printable[M2C_TENSOR_TEXT_BYTES];
        if (strcmp(weights->entries[i - 1].name, weights->entries[i].name) == 0)
            return m2c_fail(err, M2C_BAD_MODEL, "tensor %s is there twice",
                            m2c_tensor_printable(weights->entries[i].name, printable));
    }
    return M2C_OK;
}

static enum m2c_status merge(struct m2c_weights *weights, struct m2c_error *err)
{
    const struct m2c_weights_files *files = &weights->files;
    size_t total = 0;
    for (size_t i = 0; i < files->count; i++)
        total += m2c_safetensors_count(files->rows[i].tensors);
    weights->entries = calloc(total + 1, sizeof *weights->entries);
    if (!weights->entries)
        return m2c_fail_memory(err, "the list of tensors", (total + 1) * sizeof *weights->entries);
    for (size_t i = 0; i < files->count; i++) {
        const struct m2c_safetensors *file = files->rows[i].tensors;
        for (size_t j = 0; j < m2c_safetensors_count(file); j++) {
            const struct m2c_tensor *tensor = m2c_safetensors_at(file, j);
            if (!m2c_weights_files_counts(files, i, tensor->name))
                continue;
            enum m2c_status status = add_entry(weights, tensor, err);
            if (status != M2C_OK)
                return status;
        }
    }
    if (weights->count > 0)
        qsort(weights->entries, weights->count, sizeof *weights->entries, by_name);
    return check_once(weights, err);
}

/* Takes the files, also on failure. */
static enum m2c_status weights_new(struct m2c_weights_files *files, struct m2c_weights **out,
                                   struct m2c_error *err)
{
    struct m2c_weights *weights = calloc(1, sizeof *weights);
    if (!weights) {
        m2c_weights_files_close(files);
        (void)m2c_fail_memory(err, "weights", sizeof *weights);
        return M2C_NO_MEMORY;
    }
    weights->files = *files;
    enum m2c_status status = merge(weights, err);
    if (status != M2C_OK)
        m2c_weights_free(&weights);
    *out = weights;
    return status;
}

static enum m2c_status digest_files(const struct m2c_weights *weights,
                                    unsigned char (*out)[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < weights->files.count; i++) {
        size_t size;
        const void *bytes = m2c_safetensors_bytes(weights->files.rows[i].tensors, &size);
        status = m2c_digest_bytes(bytes, size, out[i], err);
    }
    return status;
}

/* Weight files are compared as they are mapped; their digests are kept. */
static enum m2c_status check_sums(struct m2c_weights *weights, const char *dir,
                                  struct m2c_error *err)
{
    struct m2c_checksums *sums = NULL;
    bool listed = false;
    enum m2c_status status = m2c_checksums_load(dir, &sums, err);
    for (size_t i = 0; i < weights->files.count; i++)
        listed = listed || m2c_checksums_lists(sums, weights->files.rows[i].name);
    if (status == M2C_OK && listed) {
        weights->file_digests = calloc(weights->files.count, sizeof *weights->file_digests);
        status = weights->file_digests
                     ? digest_files(weights, weights->file_digests, err)
                     : m2c_fail_memory(err, "digests", weights->files.count * M2C_DIGEST_BYTES);
        for (size_t i = 0; status == M2C_OK && i < weights->files.count; i++)
            status = m2c_checksums_compare(sums, weights->files.rows[i].name,
                                           weights->file_digests[i], err);
    }
    if (status == M2C_OK)
        status = m2c_checksums_verify(sums, dir, err);
    m2c_checksums_free(&sums);
    return status;
}

enum m2c_status m2c_weights_open(const char *dir, struct m2c_weights **out, struct m2c_error *err)
{
    struct m2c_weights_files files;
    *out = NULL;
    enum m2c_status status = m2c_weights_files_open(dir, &files, err);
    if (status == M2C_OK)
        status = weights_new(&files, out, err);
    if (status == M2C_OK)
        status = check_sums(*out, dir, err);
    if (status != M2C_OK)
        m2c_weights_free(out);
    return status;
}

/* Takes the parsed file. */
static enum m2c_status open_single(const char *name, struct m2c_safetensors *tensors,
                                   struct m2c_weights **out, struct m2c_error *err)
{
    struct m2c_weights_files files;
    enum m2c_status status = m2c_weights_files_single(name, tensors, &files, err);
    return status == M2C_OK ? weights_new(&files, out, err) : status;
}

enum m2c_status m2c_weights_open_file(const char *path, struct m2c_weights **out,
                                      struct m2c_error *err)
{
    struct m2c_safetensors *tensors = NULL;
    *out = NULL;
    enum m2c_status status = m2c_safetensors_open(path, &tensors, err);
    return status == M2C_OK ? open_single(m2c_folder_base_name(path), tensors, out, err) : status;
}

enum m2c_status m2c_weights_open_bytes(const void *bytes, size_t size, const char *label,
                                       struct m2c_weights **out, struct m2c_error *err)
{
    struct m2c_safetensors *tensors = NULL;
    *out = NULL;
    enum m2c_status status = m2c_safetensors_parse(bytes, size, label, &tensors, err);
    return status == M2C_OK ? open_single(label, tensors, out, err) : status;
}

void m2c_weights_free(struct m2c_weights **weights)
{
    if (*weights) {
        for (size_t i = 0; i < (*weights)->count; i++)
            free((*weights)->entries[i].own_name);
        free((*weights)->entries);
        free((*weights)->file_digests);
        m2c_weights_files_close(&(*weights)->files);
    }
    free(*weights);
    *weights = NULL;
}

/* The first entry whose name is not below `name`; count where all are. */
static size_t lower_bound(const struct m2c_weights *weights, const char *name)
{
    size_t low = 0, high = weights->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(weights->entries[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool m2c_weights_has(const struct m2c_weights *weights, const char *name)
{
    size_t place = lower_bound(weights, name);
    return place < weights->count && strcmp(weights->entries[place].name, name) == 0;
}

bool m2c_weights_has_prefix(const struct m2c_weights *weights, const char *prefix)
{
    size_t place = lower_bound(weights, prefix);
    return place < weights->count &&
           strncmp(weights->entries[place].name, prefix, strlen(prefix)) == 0;
}

const struct m2c_tensor *m2c_weights_find(struct m2c_weights *weights, const char *name)
{
    if (!m2c_weights_has(weights, name))
        return NULL;
    struct entry *entry = &weights->entries[lower_bound(weights, name)];
    entry->used = true;
    return entry->tensor;
}

enum m2c_status m2c_weights_get(struct m2c_weights *weights, const char *name, int rank,
                                const size_t *shape, const struct m2c_tensor **out,
                                struct m2c_error *err)
{
    char expected[M2C_TENSOR_TEXT_BYTES], found[M2C_TENSOR_TEXT_BYTES];
    const struct m2c_tensor *tensor = m2c_weights_find(weights, name);
    if (!tensor)
        return m2c_fail(err, M2C_BAD_MODEL, "tensor %s %s is missing", name,
                        m2c_shape_text(rank, shape, expected));
    if (tensor->rank != rank ||
        (rank > 0 && memcmp(tensor->shape, shape, (size_t)rank * sizeof *shape) != 0))
        return m2c_fail(err, M2C_BAD_MODEL, "tensor %s: expected %s, found %s", name,
                        m2c_shape_text(rank, shape, expected),
                        m2c_shape_text(tensor->rank, tensor->shape, found));
    if (!m2c_tensor_is_float(tensor))
        return m2c_fail(err, M2C_BAD_MODEL, "tensor %s: expected F32, F16 or BF16, found %s", name,
                        m2c_dtype_name(tensor->dtype));
    *out = tensor;
    return M2C_OK;
}

size_t m2c_weights_count(const struct m2c_weights *weights)
{
    return weights->count;
}

const struct m2c_tensor *m2c_weights_at(const struct m2c_weights *weights, size_t index)
{
    return weights->entries[index].tensor;
}

const char *m2c_weights_name_at(const struct m2c_weights *weights, size_t index)
{
    return weights->entries[index].name;
}

bool m2c_weights_used_at(const struct m2c_weights *weights, size_t index)
{
    return weights->entries[index].used;
}

void m2c_weights_parameters(const struct m2c_weights *weights, size_t *total, size_t *adapters)
{
    *total = 0;
    *adapters = 0;
    for (size_t i = 0; i < weights->count; i++) {
        const struct entry *entry = &weights->entries[i];
        if (!m2c_tensor_is_float(entry->tensor))
            continue;
        *total += entry->tensor->elements;
        if (m2c_tensor_is_adapter(entry->name))
            *adapters += entry->tensor->elements;
    }
}

size_t m2c_weights_file_bytes(const struct m2c_weights *weights)
{
    size_t total = 0, size;
    for (size_t i = 0; i < weights->files.count; i++) {
        (void)m2c_safetensors_bytes(weights->files.rows[i].tensors, &size);
        total += size;
    }
    return total;
}

enum m2c_status m2c_weights_require_adapters(const struct m2c_weights *weights,
                                             struct m2c_error *err)
{
    for (size_t i = 0; i < weights->count; i++) {
        char printable[M2C_TENSOR_TEXT_BYTES];
        if (!m2c_tensor_is_adapter(weights->entries[i].name))
            return m2c_fail(err, M2C_BAD_MODEL, "tensor %s is no adapter",
                            m2c_tensor_printable(weights->entries[i].name, printable));
    }
    return M2C_OK;
}

enum m2c_status m2c_weights_check_finite(const struct m2c_weights *weights, struct m2c_error *err)
{
    for (size_t i = 0; i < weights->count; i++) {
        const struct entry *entry = &weights->entries[i];
        char printable[M2C_TENSOR_TEXT_BYTES];
        if (entry->used && m2c_tensor_is_float(entry->tensor) &&
            !m2c_tensor_is_finite(entry->tensor))
            return m2c_fail(err, M2C_BAD_MODEL, "tensor %s holds a NaN or an infinity",
                            m2c_tensor_printable(entry->name, printable));
    }
    return M2C_OK;
}

enum m2c_status m2c_weights_digest(const struct m2c_weights *weights,
                                   unsigned char out[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    size_t count = weights->files.count;
    unsigned char(*digests)[M2C_DIGEST_BYTES] = calloc(count + 1, sizeof *digests);
    if (!digests)
        return m2c_fail_memory(err, "digests", (count + 1) * sizeof *digests);
    enum m2c_status status = M2C_OK;
    if (weights->file_digests)
        memcpy(digests, weights->file_digests, count * sizeof *digests);
    else
        status = digest_files(weights, digests, err);
    if (status == M2C_OK && count == 1)
        memcpy(out, digests[0], M2C_DIGEST_BYTES);
    else if (status == M2C_OK)
        status = m2c_digest_bytes(digests, count * sizeof *digests, out, err);
    free(digests);
    return status;
}

enum m2c_status m2c_weights_base_digest(const struct m2c_weights *weights,
                                        unsigned char out[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    struct m2c_digest *digest = NULL;
    char shape[M2C_TENSOR_TEXT_BYTES];
    enum m2c_status status = m2c_digest_new(&digest, err);
    if (status != M2C_OK)
        return status;
    for (size_t i = 0; i < weights->count; i++) {
        const struct entry *entry = &weights->entries[i];
        const struct m2c_tensor *tensor = entry->tensor;
        if (m2c_tensor_is_adapter(entry->name))
            continue;
        m2c_digest_add_text(digest, entry->name);
        m2c_digest_add_text(digest, m2c_dtype_name(tensor->dtype));
        m2c_digest_add_text(digest, m2c_shape_text(tensor->rank, tensor->shape, shape));
        m2c_digest_add(digest, tensor->data, tensor->bytes);
    }
    status = m2c_digest_finish(digest, out, err);
    m2c_digest_free(&digest);
    return status;
}

void m2c_weights_give_back(const struct m2c_weights *weights)
{
    for (size_t i = 0; i < weights->files.count; i++)
        m2c_safetensors_give_back(weights->files.rows[i].tensors);
}
