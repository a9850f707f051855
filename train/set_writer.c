#include "train/set_writer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/folder_file.h"
#include "model/safetensors_writer.h"
#include "model/tensor_names.h"
#include "model/whole_file.h"
#include "train/new_folder.h"

static enum m2c_status declare(struct m2c_safetensors_writer *writer,
                               const struct trn_tensor *tensor, struct m2c_error *err)
{
    return m2c_safetensors_writer_declare(writer, tensor->name, M2C_DTYPE_F32, tensor->rank,
                                          tensor->shape, err);
}

static enum m2c_status write_values(struct m2c_safetensors_writer *writer,
                                    const struct trn_tensor *tensor, struct m2c_error *err)
{
    return m2c_safetensors_writer_write(writer, tensor->value, tensor->count * sizeof(float), err);
}

typedef enum m2c_status (*tensor_work)(struct m2c_safetensors_writer *writer,
                                       const struct trn_tensor *tensor, struct m2c_error *err);

static enum m2c_status for_adapters(struct m2c_safetensors_writer *writer,
                                    const struct trn_tensors *tensors, tensor_work work,
                                    struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; status == M2C_OK && i < trn_tensors_count(tensors); i++) {
        const struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        if (m2c_tensor_is_adapter(tensor->name))
            status = work(writer, tensor, err);
    }
    return status;
}

static enum m2c_status write_adapters(const char *dir, const struct trn_tensors *tensors,
                                      struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    struct m2c_safetensors_writer *writer = NULL;
    enum m2c_status status = m2c_folder_path(path, dir, "adapters.safetensors", err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_new(path, &writer, err);
    if (status == M2C_OK)
        status = for_adapters(writer, tensors, declare, err);
    if (status == M2C_OK)
        status = for_adapters(writer, tensors, write_values, err);
    if (status == M2C_OK)
        status = m2c_safetensors_writer_finish(writer, err);
    m2c_safetensors_writer_free(&writer);
    return status;
}

/* One text file of the set, written by `print`. */
typedef void (*text_print)(FILE *stream, const struct trn_set *set);

static enum m2c_status write_text(const char *dir, const char *name, text_print print,
                                  const struct trn_set *set, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return m2c_fail_memory(err, name, size);
    print(stream, set);
    enum m2c_status status =
        fclose(stream) == 0 ? m2c_folder_path(path, dir, name, err) : m2c_fail_memory(err, name, 0);
    if (status == M2C_OK && size == 0)
        status = m2c_fail_memory(err, name, 0);
    if (status == M2C_OK)
        status = m2c_whole_file_put(path, text, size, err);
    free(text);
    return status;
}

static void print_config(FILE *stream, const struct trn_set *set)
{
    char hex[M2C_DIGEST_HEX_BYTES];
    (void)fprintf(stream, "{\n");
    if (set->num_frames > 0)
        (void)fprintf(stream, "  \"num_frames\": %d,\n", set->num_frames);
    if (set->classes > 0)
        (void)fprintf(stream, "  \"num_classes\": %zu,\n", set->classes);
    if (set->words > 0)
        (void)fprintf(stream, "  \"mlm_head_len\": %zu,\n  \"cmlm_block\": %d,\n", set->words,
                      set->encoding_blocks);
    m2c_digest_hex(set->base_digest, hex);
    (void)fprintf(stream, "  \"base_digest\": \"%s\"\n}\n", hex);
}

/* RFC 4180: a name in quotes, quotes inside doubled. */
static void print_labels(FILE *stream, const struct trn_set *set)
{
    (void)fprintf(stream, "id,name\n");
    for (size_t i = 0; i < set->labels->count; i++) {
        (void)fprintf(stream, "%zu,\"", i);
        for (const char *c = set->labels->names[i]; *c; c++) {
            if (*c == '"')
                (void)fputc('"', stream);
            (void)fputc(*c, stream);
        }
        (void)fprintf(stream, "\"\n");
    }
}

static void print_words(FILE *stream, const struct trn_set *set)
{
    for (size_t i = 0; i < set->word_list->count; i++)
        (void)fprintf(stream, "%s %zu\n", set->word_list->names[i], i);
}

static json_t *text_array(const struct m2c_text_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        (void)json_array_append_new(array, json_string(list->texts[i]));
    return array;
}

static json_t *colour_array(const float values[3])
{
    return json_pack("[f, f, f]", (double)values[0], (double)values[1], (double)values[2]);
}

/* Prints nothing without memory. */
static void print_preprocess(FILE *stream, const struct trn_set *set)
{
    const struct m2c_preprocess *own = set->preprocess;
    json_t *object =
        json_pack("{s:i, s:i, s:i, s:o, s:o, s:s, s:o, s:o}", "frames", own->frames, "stride",
                  own->stride, "size", own->size_px, "mean", colour_array(own->mean), "std",
                  colour_array(own->std), "resize", m2c_resize_name(own->resize), "templates",
                  text_array(&own->templates), "background", text_array(&own->background));
    if (object && json_dumpf(object, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) == 0)
        (void)fputc('\n', stream);
    json_decref(object);
}

static enum m2c_status write_files(const char *dir, const struct trn_tensors *tensors,
                                   const struct trn_set *set, struct m2c_error *err)
{
    enum m2c_status status = write_adapters(dir, tensors, err);
    if (status == M2C_OK)
        status = write_text(dir, "config.json", print_config, set, err);
    if (status == M2C_OK && set->labels && set->labels->count > 0)
        status = write_text(dir, "labels.csv", print_labels, set, err);
    if (status == M2C_OK && set->word_list && set->word_list->count > 0)
        status = write_text(dir, "cmlm_words.txt", print_words, set, err);
    if (status == M2C_OK && set->preprocess)
        status = write_text(dir, "preprocess.json", print_preprocess, set, err);
    return status;
}

enum m2c_status trn_set_write(const char *dir, const struct trn_tensors *tensors,
                              const struct trn_set *set, struct m2c_error *err)
{
    struct trn_new_folder folder;
    enum m2c_status status = trn_new_folder_begin(dir, &folder, err);
    if (status == M2C_OK)
        status = write_files(folder.made, tensors, set, err);
    return trn_new_folder_end(&folder, status, err);
}
