/* The inspection as a page for people and as a JSON object. */
#include "cli/inspection.h"
#include "model/preprocess_config.h"
#include "model/weights.h"
#include "proto/json_writer.h"

static const enum m2c_precision precisions[] = {M2C_PRECISION_F32, M2C_PRECISION_BF16,
                                                M2C_PRECISION_INT8};
enum { PRECISION_COUNT = sizeof precisions / sizeof precisions[0] };

static double millions(size_t count)
{
    return (double)count / 1e6;
}

static const char *activation_name(enum m2c_activation activation)
{
    return activation == M2C_ACT_QUICK_GELU ? "quick_gelu" : "gelu";
}

static void print_tower(FILE *stream, const char *name, const struct m2c_tower_config *tower)
{
    (void)fprintf(stream, "  %-14s %d blocks, width %d, %d heads, MLP %d, %s\n", name,
                  tower->layers, tower->width, tower->heads, tower->mlp_width,
                  activation_name(tower->activation));
}

static void print_architecture(FILE *stream, const struct m2c_config *config)
{
    (void)fprintf(stream, "architecture (%s form)\n",
                  config->huggingface_form ? "Hugging Face" : "M2-CLIP");
    print_tower(stream, "vision", &config->vision);
    (void)fprintf(stream, "  %-14s %d px, patches of %d px\n", "image", config->image_px,
                  config->patch_px);
    print_tower(stream, "text", &config->text);
    (void)fprintf(stream, "  %-14s %d ids, context %d\n", "vocabulary", config->vocabulary,
                  config->context_length);
    (void)fprintf(stream, "  %-14s %d\n", "embedding", config->embed_dim);
}

static void print_dtypes(FILE *stream, const struct cli_parameter_count *count)
{
    (void)fprintf(stream, "  %-14s", "stored as");
    for (int i = 0; i < M2C_DTYPE_COUNT; i++) {
        if (count->by_dtype[i] > 0)
            (void)fprintf(stream, " %s (%.3f M)", m2c_dtype_name((enum m2c_dtype)i),
                          millions(count->by_dtype[i]));
    }
    (void)fputc('\n', stream);
}

static void print_rgb(FILE *stream, const char *name, const float rgb[3],
                      enum m2c_preprocess_source source)
{
    (void)fprintf(stream, "    %-12s %.6g %.6g %.6g (%s)\n", name, (double)rgb[0], (double)rgb[1],
                  (double)rgb[2], m2c_preprocess_source_name(source));
}

static void print_texts(FILE *stream, const char *name, const struct m2c_text_list *list,
                        enum m2c_preprocess_source source)
{
    for (size_t i = 0; i < list->count; i++)
        (void)fprintf(stream, "    %-12s \"%s\" (%s)\n", i == 0 ? name : "", list->texts[i],
                      m2c_preprocess_source_name(source));
}

static void print_preprocess(FILE *stream, const struct m2c_preprocess *own)
{
    (void)fprintf(stream, "    %-12s %d (%s), stride ", "frames", own->frames,
                  m2c_preprocess_source_name(own->from.frames));
    if (own->stride == 0)
        (void)fputs("uniform", stream);
    else
        (void)fprintf(stream, "%d", own->stride);
    (void)fprintf(stream, " (%s)\n", m2c_preprocess_source_name(own->from.stride));
    (void)fprintf(stream, "    %-12s %d px (%s)\n", "size", own->size_px,
                  m2c_preprocess_source_name(own->from.size));
    (void)fprintf(stream, "    %-12s %s (%s)\n", "resize", m2c_resize_name(own->resize),
                  m2c_preprocess_source_name(own->from.resize));
    print_rgb(stream, "mean", own->mean, own->from.mean);
    print_rgb(stream, "std", own->std, own->from.std);
    print_texts(stream, "templates", &own->templates, own->from.templates);
    print_texts(stream, "background", &own->background, own->from.background);
}

static void print_set(FILE *stream, const struct cli_inspection *inspection,
                      const struct cli_set_inspection *set)
{
    const struct m2c_set_info *info = m2c_set_info(set->set);
    bool is_default = m2c_model_find_set(inspection->model, NULL) == set->set;
    (void)fprintf(stream, "set %s, version %s%s\n", info->name, info->version,
                  is_default ? ", the default" : "");
    if (info->has_vc)
        (void)fprintf(stream, "    %-12s %d, %s\n", "classes", info->classes,
                      info->labels_named ? "named by labels.csv" : "without names");
    else
        (void)fprintf(stream, "    %-12s none: zero-shot alone\n", "classes");
    if (info->has_cmlm)
        (void)fprintf(stream, "    %-12s %d\n", "CMLM words", info->cmlm_words);
    if (set->own.total > 0)
        (void)fprintf(stream, "    %-12s %.3f M in its folder\n", "parameters",
                      millions(set->own.total));
    (void)fprintf(stream, "    %-12s %.3f GFLOP a clip of %d frames\n", "work",
                  m2c_set_clip_flop(set->set, info->preprocess->frames) / 1e9,
                  info->preprocess->frames);
    print_preprocess(stream, info->preprocess);
}

static void print_unused(FILE *stream, const struct m2c_weights *weights)
{
    bool titled = false;
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        if (m2c_weights_used_at(weights, i))
            continue;
        if (!titled)
            (void)fputs("tensors that the network does not use\n", stream);
        titled = true;
        (void)fprintf(stream, "  %s\n", m2c_weights_at(weights, i)->name);
    }
}

void cli_inspection_print(const struct cli_inspection *inspection, FILE *stream)
{
    print_architecture(stream, m2c_model_config(inspection->model));
    (void)fprintf(stream, "parameters\n  %-14s %.3f M, %.3f M of them tuned\n", "total",
                  millions(inspection->folder.total), millions(inspection->folder.adapters));
    print_dtypes(stream, &inspection->folder);
    (void)fputs("memory of the weights\n", stream);
    for (size_t i = 0; i < PRECISION_COUNT; i++)
        (void)fprintf(stream, "  %-14s %.1f MB\n", m2c_precision_name(precisions[i]),
                      cli_inspection_memory(inspection, precisions[i]) / 1e6);
    (void)fprintf(stream, "tokenizer\n  %s\n",
                  m2c_model_tokenizer(inspection->model) ? "present"
                                                         : "none: texts cannot be encoded");
    for (size_t i = 0; i < inspection->set_count; i++)
        print_set(stream, inspection, &inspection->sets[i]);
    print_unused(stream, m2c_model_weights(inspection->model));
}

static void member_bool(struct proto_writer *writer, const char *key, bool value)
{
    proto_writer_key(writer, key);
    proto_writer_bool(writer, value);
}

static void write_tower(struct proto_writer *writer, const char *key,
                        const struct m2c_tower_config *tower)
{
    proto_writer_key(writer, key);
    proto_writer_object_begin(writer);
    proto_writer_member_integer(writer, "layers", tower->layers);
    proto_writer_member_integer(writer, "width", tower->width);
    proto_writer_member_integer(writer, "heads", tower->heads);
    proto_writer_member_integer(writer, "mlp_width", tower->mlp_width);
    proto_writer_member_string(writer, "activation", activation_name(tower->activation));
    proto_writer_object_end(writer);
}

static void write_architecture(struct proto_writer *writer, const struct m2c_config *config)
{
    proto_writer_key(writer, "architecture");
    proto_writer_object_begin(writer);
    proto_writer_member_string(writer, "form", config->huggingface_form ? "huggingface" : "m2clip");
    write_tower(writer, "vision", &config->vision);
    write_tower(writer, "text", &config->text);
    proto_writer_member_integer(writer, "image_px", config->image_px);
    proto_writer_member_integer(writer, "patch_px", config->patch_px);
    proto_writer_member_integer(writer, "vocabulary", config->vocabulary);
    proto_writer_member_integer(writer, "context_length", config->context_length);
    proto_writer_member_integer(writer, "dim", config->embed_dim);
    proto_writer_object_end(writer);
}

static void write_parameters(struct proto_writer *writer, const struct cli_parameter_count *count)
{
    proto_writer_key(writer, "parameters");
    proto_writer_object_begin(writer);
    proto_writer_member_integer(writer, "total", (long long)count->total);
    proto_writer_member_integer(writer, "tuned", (long long)count->adapters);
    proto_writer_object_end(writer);
}

static void write_dtypes(struct proto_writer *writer, const struct cli_parameter_count *count)
{
    proto_writer_key(writer, "dtypes");
    proto_writer_object_begin(writer);
    for (int i = 0; i < M2C_DTYPE_COUNT; i++) {
        if (count->by_dtype[i] > 0)
            proto_writer_member_integer(writer, m2c_dtype_name((enum m2c_dtype)i),
                                        (long long)count->by_dtype[i]);
    }
    proto_writer_object_end(writer);
}

static void source(struct proto_writer *writer, enum m2c_preprocess_source from)
{
    proto_writer_member_string(writer, "from", m2c_preprocess_source_name(from));
    proto_writer_object_end(writer);
}

static void value_begin(struct proto_writer *writer, const char *key)
{
    proto_writer_key(writer, key);
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "value");
}

static void write_rgb(struct proto_writer *writer, const char *key, const float rgb[3],
                      enum m2c_preprocess_source from)
{
    value_begin(writer, key);
    proto_writer_array_begin(writer);
    for (int c = 0; c < 3; c++)
        proto_writer_number(writer, (double)rgb[c], 9);
    proto_writer_array_end(writer);
    source(writer, from);
}

static void write_texts(struct proto_writer *writer, const char *key,
                        const struct m2c_text_list *list, enum m2c_preprocess_source from)
{
    value_begin(writer, key);
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < list->count; i++)
        proto_writer_string(writer, list->texts[i]);
    proto_writer_array_end(writer);
    source(writer, from);
}

static void write_preprocess(struct proto_writer *writer, const struct m2c_preprocess *own)
{
    proto_writer_key(writer, "preprocessing");
    proto_writer_object_begin(writer);
    value_begin(writer, "frames");
    proto_writer_integer(writer, own->frames);
    source(writer, own->from.frames);
    value_begin(writer, "stride");
    if (own->stride == 0)
        proto_writer_string(writer, "uniform");
    else
        proto_writer_integer(writer, own->stride);
    source(writer, own->from.stride);
    value_begin(writer, "size");
    proto_writer_integer(writer, own->size_px);
    source(writer, own->from.size);
    write_rgb(writer, "mean", own->mean, own->from.mean);
    write_rgb(writer, "std", own->std, own->from.std);
    value_begin(writer, "resize");
    proto_writer_string(writer, m2c_resize_name(own->resize));
    source(writer, own->from.resize);
    write_texts(writer, "templates", &own->templates, own->from.templates);
    write_texts(writer, "background", &own->background, own->from.background);
    proto_writer_object_end(writer);
}

static void write_set(struct proto_writer *writer, const struct cli_inspection *inspection,
                      const struct cli_set_inspection *set)
{
    const struct m2c_set_info *info = m2c_set_info(set->set);
    proto_writer_object_begin(writer);
    proto_writer_member_string(writer, "name", info->name);
    proto_writer_member_string(writer, "version", info->version);
    member_bool(writer, "default", m2c_model_find_set(inspection->model, NULL) == set->set);
    member_bool(writer, "vc_head", info->has_vc);
    member_bool(writer, "cmlm_head", info->has_cmlm);
    proto_writer_member_integer(writer, "classes", info->classes);
    proto_writer_member_integer(writer, "cmlm_words", info->cmlm_words);
    member_bool(writer, "labels_named", info->labels_named);
    proto_writer_member_integer(writer, "own_parameters", (long long)set->own.total);
    proto_writer_key(writer, "clip_gflop");
    proto_writer_number(writer, m2c_set_clip_flop(set->set, info->preprocess->frames) / 1e9, 7);
    write_preprocess(writer, info->preprocess);
    proto_writer_object_end(writer);
}

static void write_unused(struct proto_writer *writer, const struct m2c_weights *weights)
{
    proto_writer_key(writer, "unused_tensors");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < m2c_weights_count(weights); i++) {
        if (!m2c_weights_used_at(weights, i))
            proto_writer_string(writer, m2c_weights_at(weights, i)->name);
    }
    proto_writer_array_end(writer);
}

void cli_inspection_write(const struct cli_inspection *inspection, struct proto_writer *writer)
{
    proto_writer_object_begin(writer);
    proto_writer_member_string(writer, "model", inspection->dir);
    write_architecture(writer, m2c_model_config(inspection->model));
    write_parameters(writer, &inspection->folder);
    write_dtypes(writer, &inspection->folder);
    proto_writer_key(writer, "memory_bytes");
    proto_writer_object_begin(writer);
    for (size_t i = 0; i < PRECISION_COUNT; i++)
        proto_writer_member_integer(writer, m2c_precision_name(precisions[i]),
                                    (long long)cli_inspection_memory(inspection, precisions[i]));
    proto_writer_object_end(writer);
    member_bool(writer, "tokenizer", m2c_model_tokenizer(inspection->model) != NULL);
    proto_writer_key(writer, "sets");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < inspection->set_count; i++)
        write_set(writer, inspection, &inspection->sets[i]);
    proto_writer_array_end(writer);
    write_unused(writer, m2c_model_weights(inspection->model));
    proto_writer_object_end(writer);
}
