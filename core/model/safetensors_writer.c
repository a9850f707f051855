#include "model/safetensors_writer.h"

#include <assert.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/whole_file.h"
#include "runtime/checked.h"

struct m2c_safetensors_writer {
    struct m2c_whole_file file;
    json_t *header;
    size_t declared_bytes, written_bytes;
    bool header_written;
};

enum m2c_status m2c_safetensors_writer_new(const char *path, struct m2c_safetensors_writer **out,
                                           struct m2c_error *err)
{
    *out = NULL;
    struct m2c_safetensors_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return m2c_fail_memory(err, "a safetensors writer", sizeof *writer);
    writer->header = json_object();
    enum m2c_status status = writer->header ? m2c_whole_file_open(path, &writer->file, err)
                                            : m2c_fail_memory(err, "a safetensors header", 0);
    if (status != M2C_OK)
        m2c_safetensors_writer_free(&writer);
    *out = writer;
    return status;
}

enum m2c_status m2c_safetensors_writer_metadata(struct m2c_safetensors_writer *writer,
                                                const char *key, const char *value,
                                                struct m2c_error *err)
{
    assert(!writer->header_written);
    json_t *metadata = json_object_get(writer->header, "__metadata__");
    if (!metadata && json_object_set_new(writer->header, "__metadata__", json_object()) == 0)
        metadata = json_object_get(writer->header, "__metadata__");
    if (!metadata || json_object_set_new(metadata, key, json_string(value)) != 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "metadata cannot be written");
    return M2C_OK;
}

/* {"dtype", "shape", "data_offsets"} of the next tensor; NULL when memory is short. */
static json_t *describe(enum m2c_dtype dtype, int rank, const size_t *shape, size_t begin,
                        size_t end)
{
    json_t *dimensions = json_array();
    for (int i = 0; i < rank; i++)
        if (json_array_append_new(dimensions, json_integer((json_int_t)shape[i])) != 0) {
            json_decref(dimensions);
            return NULL;
        }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", m2c_dtype_name(dtype), "shape", dimensions,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

enum m2c_status m2c_safetensors_writer_declare(struct m2c_safetensors_writer *writer,
                                               const char *name, enum m2c_dtype dtype, int rank,
                                               const size_t *shape, struct m2c_error *err)
{
    assert(!writer->header_written && rank >= 0 && rank <= M2C_MAX_RANK);
    size_t bits = m2c_dtype_bits(dtype), end;
    bool fits = true;
    for (int i = 0; fits && i < rank; i++)
        fits = m2c_checked_multiply(bits, shape[i], &bits);
    if (!fits || bits % 8 != 0 || !m2c_checked_add(writer->declared_bytes, bits / 8, &end) ||
        end > INT64_MAX)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the size of a tensor to write overflows");
    if (strcmp(name, "__metadata__") == 0 || json_object_get(writer->header, name))
        return m2c_fail(err, M2C_INVALID_REQUEST, "a tensor to write has the name of another");
    json_t *entry = describe(dtype, rank, shape, writer->declared_bytes, end);
    if (json_object_set_new(writer->header, name, entry) != 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "a tensor to write has no valid name");
    writer->declared_bytes = end;
    return M2C_OK;
}

/* Length, header, and spaces up to a multiple of 8, so that the data starts aligned. */
static enum m2c_status write_header(struct m2c_safetensors_writer *writer, struct m2c_error *err)
{
    char *text = json_dumps(writer->header, JSON_COMPACT);
    if (!text)
        return m2c_fail_memory(err, "a safetensors header", 0);
    size_t length = strlen(text), padded = (length + 7) / 8 * 8;
    unsigned char prefix[8];
    for (unsigned i = 0; i < sizeof prefix; i++)
        prefix[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    enum m2c_status status = m2c_whole_file_write(&writer->file, prefix, sizeof prefix, err);
    if (status == M2C_OK)
        status = m2c_whole_file_write(&writer->file, text, length, err);
    if (status == M2C_OK)
        status = m2c_whole_file_write(&writer->file, "       ", padded - length, err);
    free(text);
    writer->header_written = true;
    return status;
}

enum m2c_status m2c_safetensors_writer_write(struct m2c_safetensors_writer *writer,
                                             const void *data, size_t bytes, struct m2c_error *err)
{
    assert(bytes <= writer->declared_bytes - writer->written_bytes);
    enum m2c_status status = writer->header_written ? M2C_OK : write_header(writer, err);
    if (status == M2C_OK)
        status = m2c_whole_file_write(&writer->file, data, bytes, err);
    writer->written_bytes += bytes;
    return status;
}

enum m2c_status m2c_safetensors_writer_finish(struct m2c_safetensors_writer *writer,
                                              struct m2c_error *err)
{
    assert(writer->written_bytes == writer->declared_bytes);
    enum m2c_status status = writer->header_written ? M2C_OK : write_header(writer, err);
    return status == M2C_OK ? m2c_whole_file_finish(&writer->file, err) : status;
}

void m2c_safetensors_writer_free(struct m2c_safetensors_writer **writer)
{
    if (*writer) {
        m2c_whole_file_abandon(&(*writer)->file);
        json_decref((*writer)->header);
    }
    free(*writer);
    *writer = NULL;
}
