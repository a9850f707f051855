#include "train/model_writer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "model/folder_file.h"
#include "model/json_members.h"
#include "model/safetensors_writer.h"
#include "model/whole_file.h"
#include "train/new_folder.h"

enum { FILE_LIMIT_BYTES = 64 << 20 };

typedef enum m2c_status (*tensor_work)(struct m2c_safetensors_writer *writer,
                                       const struct trn_tensor *tensor, struct m2c_error *err);

static enum m2c_status declare(struct m2c_safetensors_writer *writer,
                               const struct trn_tensor *tensor, struct m2c_error *err)
{
    return m2c_safetensors_writer_declare(writer, tensor->file_name, M2C_DTYPE_F32, tensor->rank,
                                          tensor->shape, err);
}

static enum m2c_status write_values(struct m2c_safetensors_writer *writer,
                                    const struct trn_tensor *tensor, struct m2c_error *err)
{
    return m2c_safetensors_writer_write(writer, tensor->value, tensor->count * sizeof(float), err);
}

static enum m2c_status for_tensors(struct m2c_safetensors_writer *writer,
                                   const struct trn_tensors *tensors, tensor_work work,
                                   struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < trn_tensors_count(tensors); i++)
        status = work(writer, trn_tensors_at(tensors, i), err);
    return status;
}

static enum m2c_status write_tensors(const char *dir, const struct trn_tensors *tensors,
                                     struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    struct m2c_safetensors_writer *writer = NULL;
    enum m2c_status status = m2c_folder_path(path, dir, "model.safetensors", err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_new(path, &writer, err);
    if (status == M2C_OK)
        status = for_tensors(writer, tensors, declare, err);
    if (status == M2C_OK)
        status = for_tensors(writer, tensors, write_values, err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_finish(writer, err);
    m2c_safetensors_writer_free(&writer);
    return status;
}

static enum m2c_status copy_config(const char *dir, const char *base, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES], *text = NULL;
    size_t size = 0;
    json_t *config = NULL;
    enum m2c_status status = m2c_folder_path(path, base, "config.json", err);
    if (status == M2C_OK)
        status = m2c_folder_read(path, FILE_LIMIT_BYTES, &text, &size, err);
    if (status == M2C_OK)
        status = m2c_members_parse("config.json", text, size, &config, err);
    free(text);
    if (status != M2C_OK)
        return status;
    (void)json_object_del(config, "untrained");
    char *changed = json_dumps(config, JSON_INDENT(2));
    json_decref(config);
    if (!changed)
        return m2c_fail_memory(err, "config.json", size);
    status = m2c_folder_path(path, dir, "config.json", err);
    if (status == M2C_OK)
        status = m2c_whole_file_put(path, changed, strlen(changed), err);
    free(changed);
    return status;
}

/* Where the base has no such file, there is nothing to do. */
static enum m2c_status copy_file(const char *dir, const char *base, const char *name,
                                 struct m2c_error *err)
{
    char path[M2C_PATH_BYTES], *bytes = NULL;
    size_t size = 0;
    enum m2c_status status = m2c_folder_path(path, base, name, err);
    if (status == M2C_OK)
        status = m2c_folder_read_optional(path, FILE_LIMIT_BYTES, &bytes, &size, err);
    if (status == M2C_OK && bytes)
        status = m2c_folder_path(path, dir, name, err);
    if (status == M2C_OK && bytes)
        status = m2c_whole_file_put(path, bytes, size, err);
    free(bytes);
    return status;
}

enum m2c_status trn_model_write(const char *dir, const char *base,
                                const struct trn_tensors *tensors, struct m2c_error *err)
{
    static const char *const copied[] = {"vocab.json",      "merges.txt",
                                         "tokenizer.json",  "bpe_simple_vocab_16e6.txt.gz",
                                         "preprocess.json", "preprocessor_config.json"};
    struct trn_new_folder folder;
    enum m2c_status status = trn_new_folder_begin(dir, &folder, err);
    if (status == M2C_OK)
        status = write_tensors(folder.made, tensors, err);
    if (status == M2C_OK)
        status = copy_config(folder.made, base, err);
    for (size_t i = 0; status == M2C_OK && i < sizeof copied / sizeof copied[0]; i++)
        status = copy_file(folder.made, base, copied[i], err);
    return trn_new_folder_end(&folder, status, err);
}
