#include "proto/model_list.h"

static void write_heads(struct proto_writer *writer, const struct proto_model_entry *model)
{
    proto_writer_key(writer, "heads");
    proto_writer_array_begin(writer);
    if (model->has_vc)
        proto_writer_string(writer, "vc");
    if (model->has_contrastive)
        proto_writer_string(writer, "contrastive");
    if (model->has_cmlm)
        proto_writer_string(writer, "cmlm");
    proto_writer_array_end(writer);
}

static void write_sampling(struct proto_writer *writer, const struct proto_model_entry *model)
{
    proto_writer_key(writer, "sampling");
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "frames");
    proto_writer_integer(writer, model->frames);
    proto_writer_key(writer, "stride");
    if (model->stride == 0)
        proto_writer_string(writer, "uniform");
    else
        proto_writer_integer(writer, model->stride);
    proto_writer_key(writer, "views");
    proto_writer_string(writer, "1x1");
    proto_writer_object_end(writer);
}

static void write_time(struct proto_writer *writer, time_t when)
{
    char text[32];
    struct tm utc;
    if (!gmtime_r(&when, &utc) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        proto_writer_null(writer);
    else
        proto_writer_string(writer, text);
}

static void write_model(struct proto_writer *writer, const struct proto_model_entry *model)
{
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "name");
    proto_writer_string(writer, model->name);
    proto_writer_key(writer, "version");
    proto_writer_string(writer, model->version);
    proto_writer_key(writer, "default");
    proto_writer_bool(writer, model->is_default);
    write_heads(writer, model);
    proto_writer_key(writer, "classes");
    proto_writer_integer(writer, model->classes);
    proto_writer_key(writer, "dim");
    proto_writer_integer(writer, model->dim);
    write_sampling(writer, model);
    proto_writer_key(writer, "precision");
    proto_writer_string(writer, model->precision);
    proto_writer_key(writer, "loaded_at");
    write_time(writer, model->loaded_at);
    proto_writer_object_end(writer);
}

void proto_model_list_write(struct proto_writer *writer, const struct proto_model_entry *models,
                            size_t model_count, const struct proto_limit_entry *limits,
                            size_t limit_count)
{
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "models");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < model_count; i++)
        write_model(writer, &models[i]);
    proto_writer_array_end(writer);
    proto_writer_key(writer, "limits");
    proto_writer_object_begin(writer);
    for (size_t i = 0; i < limit_count; i++) {
        proto_writer_key(writer, limits[i].name);
        proto_writer_integer(writer, limits[i].value);
    }
    proto_writer_object_end(writer);
    proto_writer_object_end(writer);
}
