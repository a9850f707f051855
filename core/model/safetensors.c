#include "model/safetensors.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "runtime/checked.h"

enum { HEADER_LIMIT_BYTES = 100000000, PREFIX_BYTES = 8 };

struct m2c_safetensors {
    struct m2c_mapped_file file; /* empty where the bytes are borrowed */
    const unsigned char *bytes;
    size_t size;
    json_t *header; /* lends the names */
    struct m2c_tensor *tensors;
    size_t count;
};

struct dtype_row {
    const char *name;
    unsigned bits;
};

static const struct dtype_row dtype_rows[M2C_DTYPE_COUNT] = {
#define M2C_DTYPE_ROW(dtype, width) [M2C_DTYPE_##dtype] = {.name = #dtype, .bits = (width)},
    M2C_DTYPE_LIST(M2C_DTYPE_ROW)
#undef M2C_DTYPE_ROW
};

const char *m2c_dtype_name(enum m2c_dtype dtype)
{
    return dtype_rows[dtype].name;
}

unsigned m2c_dtype_bits(enum m2c_dtype dtype)
{
    return dtype_rows[dtype].bits;
}

static bool find_dtype(const char *name, enum m2c_dtype *out)
{
    for (unsigned i = 0; i < M2C_DTYPE_COUNT; i++) {
        if (strcmp(dtype_rows[i].name, name) == 0) {
            *out = (enum m2c_dtype)i;
            return true;
        }
    }
    return false;
}

const char *m2c_tensor_printable(const char *name, char out[M2C_TENSOR_TEXT_BYTES])
{
    size_t i = 0;
    for (; name[i] != '\0' && i < 120; i++) {
        unsigned char c = (unsigned char)name[i];
        out[i] = name[i];
        if (c < 0x20 || c >= 0x7f)
            out[i] = '?';
    }
    out[i] = '\0';
    return out;
}

const char *m2c_shape_text(int rank, const size_t *shape, char out[M2C_TENSOR_TEXT_BYTES])
{
    size_t used = 0;
    out[used++] = '[';
    for (int i = 0; i < rank; i++) {
        int n = snprintf(out + used, M2C_TENSOR_TEXT_BYTES - used - 1, "%s%zu", i > 0 ? ", " : "",
                         shape[i]);
        if (n < 0 || (size_t)n >= M2C_TENSOR_TEXT_BYTES - used - 1)
            break;
        used += (size_t)n;
    }
    out[used++] = ']';
    out[used] = '\0';
    return out;
}

/* One failing rule of one tensor. */
static enum m2c_status refuse(const char *label, const char *name, const char *rule,
                              struct m2c_error *err)
{
    char printable[M2C_TENSOR_TEXT_BYTES];
    return m2c_fail(err, M2C_BAD_MODEL, "%s: tensor %s: %s", label,
                    m2c_tensor_printable(name, printable), rule);
}

static bool read_size(const json_t *value, size_t *out)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *out = (size_t)json_integer_value(value);
    return true;
}

/* Fills rank, shape and elements; NULL or the rule that is broken. */
static const char *read_shape(const json_t *value, struct m2c_tensor *out)
{
    if (!json_is_array(value))
        return "shape is not an array";
    if (json_array_size(value) > M2C_MAX_RANK)
        return "there are more than 8 dimensions";
    out->rank = (int)json_array_size(value);
    out->elements = 1;
    for (int i = 0; i < out->rank; i++) {
        if (!read_size(json_array_get(value, (size_t)i), &out->shape[i]))
            return "a dimension is not a non-negative integer";
        if (!m2c_checked_multiply(out->elements, out->shape[i], &out->elements))
            return "the shape's product overflows";
    }
    return NULL;
}

/* Byte range inside the data section; NULL or the rule that is broken. */
static const char *read_range(const json_t *value, size_t data_bytes, size_t *begin, size_t *end)
{
    if (!json_is_array(value) || json_array_size(value) != 2 ||
        !read_size(json_array_get(value, 0), begin) || !read_size(json_array_get(value, 1), end))
        return "data_offsets are not two non-negative integers";
    if (*end < *begin)
        return "its data ends before it begins";
    if (*end > data_bytes)
        return "its data ends behind the end of the file";
    return NULL;
}

static const char *read_entry(const json_t *entry, const unsigned char *data, size_t data_bytes,
                              struct m2c_tensor *out)
{
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    if (!dtype || !find_dtype(dtype, &out->dtype))
        return "unknown dtype";
    const char *broken = read_shape(json_object_get(entry, "shape"), out);
    size_t begin = 0, end = 0, bits;
    if (!broken)
        broken = read_range(json_object_get(entry, "data_offsets"), data_bytes, &begin, &end);
    if (broken)
        return broken;
    if (!m2c_checked_multiply(out->elements, m2c_dtype_bits(out->dtype), &bits))
        return "the shape's product overflows";
    if (bits % 8 != 0 || bits / 8 != end - begin)
        return "shape and dtype do not make its number of bytes";
    out->data = data + begin;
    out->bytes = end - begin;
    return NULL;
}

static int by_place(const void *left, const void *right)
{
    const struct m2c_tensor *a = left, *b = right;
    if (a->data != b->data)
        return (uintptr_t)a->data < (uintptr_t)b->data ? -1 : 1;
    return (a->bytes > b->bytes) - (a->bytes < b->bytes);
}

/* Ranges in rising order must follow each other from the first to the last byte of data. */
static enum m2c_status check_places(struct m2c_safetensors *out, const unsigned char *data,
                                    const char *label, struct m2c_error *err)
{
    const unsigned char *next = data;
    if (out->count > 0)
        qsort(out->tensors, out->count, sizeof *out->tensors, by_place);
    for (size_t i = 0; i < out->count; i++) {
        const struct m2c_tensor *tensor = &out->tensors[i];
        if (tensor->data != next)
            return refuse(label, tensor->name,
                          (const unsigned char *)tensor->data < next
                              ? "its data overlaps another tensor's"
                              : "there is a hole before its data",
                          err);
        next += tensor->bytes;
    }
    if (next != out->bytes + out->size)
        return m2c_fail(err, M2C_BAD_MODEL, "%s: %zu bytes behind the last tensor", label,
                        (size_t)(out->bytes + out->size - next));
    return M2C_OK;
}

static enum m2c_status check_metadata(const json_t *metadata, const char *label,
                                      struct m2c_error *err)
{
    void *entry = NULL;
    if (metadata && !json_is_object(metadata))
        return m2c_fail(err, M2C_BAD_MODEL, "%s: __metadata__ is not an object", label);
    /* jansson's iterators take a plain pointer, even where nothing is changed. */
    json_t *object = (json_t *)(uintptr_t)metadata;
    for (entry = json_object_iter(object); entry; entry = json_object_iter_next(object, entry))
        if (!json_is_string(json_object_iter_value(entry)))
            return m2c_fail(err, M2C_BAD_MODEL, "%s: __metadata__ holds more than texts", label);
    return M2C_OK;
}

static enum m2c_status read_tensors(struct m2c_safetensors *out, const unsigned char *data,
                                    const char *label, struct m2c_error *err)
{
    size_t data_bytes = out->size - (size_t)(data - out->bytes);
    out->tensors = calloc(json_object_size(out->header) + 1, sizeof *out->tensors);
    if (!out->tensors)
        return m2c_fail_memory(err, "the list of tensors",
                               (json_object_size(out->header) + 1) * sizeof *out->tensors);
    const char *name;
    json_t *entry;
    json_object_foreach (out->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0)
            continue;
        struct m2c_tensor *tensor = &out->tensors[out->count++];
        tensor->name = name;
        const char *broken = read_entry(entry, data, data_bytes, tensor);
        if (broken)
            return refuse(label, name, broken, err);
    }
    return check_places(out, data, label, err);
}

/* The header's length from the first eight bytes, checked against cap and size. */
static enum m2c_status read_length(const struct m2c_safetensors *file, const char *label,
                                   size_t *length, struct m2c_error *err)
{
    if (file->size < PREFIX_BYTES)
        return m2c_fail(err, M2C_BAD_MODEL, "%s: %zu bytes are too few for a safetensors file",
                        label, file->size);
    uint64_t stated = 0;
    for (unsigned i = 0; i < PREFIX_BYTES; i++)
        stated |= (uint64_t)file->bytes[i] << (8 * i);
    if (stated > HEADER_LIMIT_BYTES)
        return m2c_fail(err, M2C_BAD_MODEL, "%s: a header of %llu bytes exceeds %d", label,
                        (unsigned long long)stated, HEADER_LIMIT_BYTES);
    if (stated > file->size - PREFIX_BYTES)
        return m2c_fail(err, M2C_BAD_MODEL, "%s: a header of %llu bytes ends behind the file",
                        label, (unsigned long long)stated);
    *length = (size_t)stated;
    return M2C_OK;
}

static enum m2c_status parse(struct m2c_safetensors *file, const char *label, struct m2c_error *err)
{
    size_t length = 0;
    json_error_t trouble;
    enum m2c_status status = read_length(file, label, &length, err);
    if (status != M2C_OK)
        return status;
    const char *text = (const char *)file->bytes + PREFIX_BYTES;
    file->header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &trouble);
    if (!file->header) {
        (void)m2c_fail(err, M2C_BAD_MODEL, "%s: the header is not valid JSON (byte %d)", label,
                       trouble.position);
        return m2c_error_context(err, "%s", trouble.text);
    }
    if (!json_is_object(file->header))
        return m2c_fail(err, M2C_BAD_MODEL, "%s: the header is not a JSON object", label);
    status = check_metadata(json_object_get(file->header, "__metadata__"), label, err);
    if (status != M2C_OK)
        return status;
    return read_tensors(file, file->bytes + PREFIX_BYTES + length, label, err);
}

enum m2c_status m2c_safetensors_parse(const void *bytes, size_t size, const char *label,
                                      struct m2c_safetensors **out, struct m2c_error *err)
{
    struct m2c_safetensors *file = calloc(1, sizeof *file);
    *out = NULL;
    if (!file) {
        (void)m2c_fail_memory(err, label, sizeof *file);
        return M2C_NO_MEMORY;
    }
    file->bytes = bytes;
    file->size = size;
    enum m2c_status status = parse(file, label, err);
    if (status != M2C_OK)
        m2c_safetensors_free(&file);
    *out = file;
    return status;
}

enum m2c_status m2c_safetensors_open(const char *path, struct m2c_safetensors **out,
                                     struct m2c_error *err)
{
    struct m2c_mapped_file file;
    *out = NULL;
    enum m2c_status status = m2c_mapped_file_open(path, &file, err);
    if (status != M2C_OK)
        return status;
    status =
        m2c_safetensors_parse(file.bytes, file.size_bytes, m2c_folder_base_name(path), out, err);
    if (status != M2C_OK) {
        m2c_mapped_file_close(&file);
        return status;
    }
    (*out)->file = file;
    return M2C_OK;
}

void m2c_safetensors_free(struct m2c_safetensors **file)
{
    if (*file) {
        json_decref((*file)->header);
        free((*file)->tensors);
        m2c_mapped_file_close(&(*file)->file);
    }
    free(*file);
    *file = NULL;
}

size_t m2c_safetensors_count(const struct m2c_safetensors *file)
{
    return file->count;
}

const struct m2c_tensor *m2c_safetensors_at(const struct m2c_safetensors *file, size_t index)
{
    return &file->tensors[index];
}

const struct m2c_tensor *m2c_safetensors_find(const struct m2c_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

const char *m2c_safetensors_metadata(const struct m2c_safetensors *file, const char *key)
{
    return json_string_value(json_object_get(json_object_get(file->header, "__metadata__"), key));
}

const void *m2c_safetensors_bytes(const struct m2c_safetensors *file, size_t *size)
{
    *size = file->size;
    return file->bytes;
}

void m2c_safetensors_give_back(const struct m2c_safetensors *file)
{
    m2c_mapped_file_give_back(&file->file);
}
