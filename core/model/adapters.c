/* Loading of adapter sets: which adapters there are follows from the tensors present. */
#include <stdio.h>
#include <stdlib.h>

#include "model/layer_builder.h"

/* Rows of the matrix prefix + name: the width of an adapter or head. 0 after a failure. */
static size_t row_count(struct m2c_layer_builder *builder, const char *prefix, const char *name)
{
    char full[M2C_LAYER_NAME_BYTES];
    if (builder->status != M2C_OK)
        return 0;
    m2c_tensor_name(full, prefix, name);
    const struct m2c_tensor *tensor = m2c_weights_find(builder->weights, full);
    if (!tensor || tensor->rank != 2 || tensor->shape[0] == 0 ||
        tensor->shape[0] > M2C_MAX_CLASSES) {
        builder->status = m2c_fail_field(builder->err, M2C_BAD_MODEL, "weights",
                                         "tensor %s is missing or not a matrix of 1 to %d rows",
                                         full, M2C_MAX_CLASSES);
        return 0;
    }
    return tensor->shape[0];
}

/* A depthwise kernel [channels, 1.., taps] as [taps, channels]. */
static float *load_depthwise(struct m2c_layer_builder *builder, const char *prefix,
                             const char *name, size_t channels, bool space)
{
    const size_t time_shape[3] = {channels, 1, 3};
    const size_t space_shape[5] = {channels, 1, 1, 3, 3};
    size_t taps = space ? 9 : 3;
    float *source =
        m2c_builder_tensor(builder, prefix, name, space ? 5 : 3, space ? space_shape : time_shape);
    float *weight = m2c_builder_zeros(builder, taps * channels);
    for (size_t c = 0; source && weight && c < channels; c++) {
        for (size_t tap = 0; tap < taps; tap++)
            weight[tap * channels + c] = source[c * taps + tap];
    }
    free(source);
    return weight;
}

static void load_ted_down(struct m2c_layer_builder *builder, const char *prefix, size_t in,
                          struct m2c_ted_adapter *adapter)
{
    size_t width = adapter->width;
    struct m2c_fill fill = {.rows = width, .total_rows = width, .in = in};
    adapter->down = m2c_builder_linear(builder, in, 2 * width);
    m2c_builder_fill(builder, adapter->down, prefix, "fc1.weight", &fill);
    m2c_builder_fill_bias(builder, adapter->down, 0, width, prefix, "fc1.bias", 0, width);
    fill.row = width;
    m2c_builder_fill(builder, adapter->down, prefix, "offset_adapter.fc1.weight", &fill);
    m2c_builder_seal(builder, adapter->down);
    adapter->shift = m2c_builder_vector(builder, prefix, "offset_adapter.fc1.bias", width);
}

static void load_ted_up(struct m2c_layer_builder *builder, const char *prefix, size_t out,
                        struct m2c_ted_adapter *adapter)
{
    size_t width = adapter->width;
    struct m2c_fill fill = {.rows = out, .total_rows = out, .in = width};
    adapter->up = m2c_builder_linear(builder, 2 * width, out);
    m2c_builder_fill(builder, adapter->up, prefix, "fc2.weight", &fill);
    m2c_builder_fill_bias(builder, adapter->up, 0, out, prefix, "fc2.bias", 0, out);
    fill.column = width;
    m2c_builder_fill(builder, adapter->up, prefix, "offset_adapter.fc2.weight", &fill);
    m2c_builder_fill_bias(builder, adapter->up, 0, out, prefix, "offset_adapter.fc2.bias", 0, out);
    m2c_builder_seal(builder, adapter->up);
    adapter->difference_bias = m2c_builder_vector(builder, prefix, "offset_adapter.fc2.bias", out);
}

static struct m2c_ted_adapter *load_ted(struct m2c_layer_builder *builder, const char *prefix,
                                        size_t channels)
{
    if (!m2c_builder_has(builder, prefix, "fc1.weight"))
        return NULL;
    struct m2c_ted_adapter *adapter = m2c_builder_allocate(builder, 1, sizeof *adapter);
    if (!adapter)
        return NULL;
    adapter->width = row_count(builder, prefix, "fc1.weight");
    load_ted_down(builder, prefix, channels, adapter);
    adapter->time_weight = load_depthwise(builder, prefix, "conv.weight", adapter->width, false);
    adapter->time_bias = m2c_builder_vector(builder, prefix, "conv.bias", adapter->width);
    adapter->space_weight =
        load_depthwise(builder, prefix, "offset_adapter.conv.weight", adapter->width, true);
    adapter->space_bias =
        m2c_builder_vector(builder, prefix, "offset_adapter.conv.bias", adapter->width);
    load_ted_up(builder, prefix, channels, adapter);
    return adapter;
}

static struct m2c_text_adapter *load_text_adapter(struct m2c_layer_builder *builder,
                                                  const char *prefix, size_t channels)
{
    if (!m2c_builder_has(builder, prefix, "textad_fc1.weight"))
        return NULL;
    struct m2c_text_adapter *adapter = m2c_builder_allocate(builder, 1, sizeof *adapter);
    if (!adapter)
        return NULL;
    size_t width = row_count(builder, prefix, "textad_fc1.weight");
    adapter->fc1 = m2c_builder_dense(builder, prefix, "textad_fc1", channels, width);
    adapter->fc2 = m2c_builder_dense(builder, prefix, "textad_fc2", width, channels);
    return adapter;
}

static void allocate_places(struct m2c_layer_builder *builder, const struct m2c_config *config,
                            struct m2c_adapters *adapters)
{
    size_t vision = (size_t)config->vision.layers;
    size_t text = (size_t)config->text.layers + 1; /* the CMLM block is number n */
    adapters->vision_pre_attn =
        m2c_builder_allocate(builder, vision, sizeof(struct m2c_ted_adapter *));
    adapters->vision_pre_mlp =
        m2c_builder_allocate(builder, vision, sizeof(struct m2c_ted_adapter *));
    adapters->text_pre_attn =
        m2c_builder_allocate(builder, text, sizeof(struct m2c_text_adapter *));
    adapters->text_pre_mlp = m2c_builder_allocate(builder, text, sizeof(struct m2c_text_adapter *));
}

struct vision_load {
    size_t channels;
    struct m2c_adapters *adapters;
};

static void load_vision_block(struct m2c_layer_builder *builder, size_t index, void *argument)
{
    const struct vision_load *load = argument;
    char prefix[M2C_LAYER_NAME_BYTES];
    (void)snprintf(prefix, sizeof prefix, "visual.transformer.resblocks.%zu.adapter_pre_attn.",
                   index);
    load->adapters->vision_pre_attn[index] = load_ted(builder, prefix, load->channels);
    (void)snprintf(prefix, sizeof prefix, "visual.transformer.resblocks.%zu.adapter_pre_mlp.",
                   index);
    load->adapters->vision_pre_mlp[index] = load_ted(builder, prefix, load->channels);
}

static void load_vision_adapters(struct m2c_layer_builder *builder, const struct m2c_config *config,
                                 struct m2c_adapters *adapters)
{
    struct vision_load load = {.channels = (size_t)config->vision.width, .adapters = adapters};
    m2c_builder_each(builder, (size_t)config->vision.layers, load_vision_block, &load);
}

static void load_text_adapters(struct m2c_layer_builder *builder, const struct m2c_config *config,
                               struct m2c_adapters *adapters)
{
    size_t blocks = (size_t)config->text.layers + 1; /* the CMLM block is number n */
    size_t channels = (size_t)config->text.width;
    for (size_t i = 0; i < blocks && builder->status == M2C_OK; i++) {
        char prefix[M2C_LAYER_NAME_BYTES];
        (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%zu.adapter_pre_attn.", i);
        adapters->text_pre_attn[i] = load_text_adapter(builder, prefix, channels);
        (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%zu.adapter_pre_mlp.", i);
        adapters->text_pre_mlp[i] = load_text_adapter(builder, prefix, channels);
    }
}

static struct m2c_frame_adapter *load_frame_adapter(struct m2c_layer_builder *builder, size_t dim)
{
    static const char prefix[] = "visual.t_adapter.";
    if (!m2c_builder_has(builder, prefix, "fc1.weight"))
        return NULL;
    struct m2c_frame_adapter *adapter = m2c_builder_allocate(builder, 1, sizeof *adapter);
    if (!adapter)
        return NULL;
    adapter->width = row_count(builder, prefix, "fc1.weight");
    adapter->down = m2c_builder_dense(builder, prefix, "fc1", dim, adapter->width);
    adapter->time_weight = load_depthwise(builder, prefix, "conv.weight", adapter->width, false);
    adapter->time_bias = m2c_builder_vector(builder, prefix, "conv.bias", adapter->width);
    adapter->up = m2c_builder_dense(builder, prefix, "fc2", adapter->width, dim);
    return adapter;
}

static struct m2c_mlm_head *load_mlm_head(struct m2c_layer_builder *builder,
                                          const struct m2c_config *config)
{
    static const char prefix[] = "mlm_adapter.";
    size_t width = (size_t)config->text.width;
    if (!m2c_builder_has(builder, prefix, "decoder.weight"))
        return NULL;
    struct m2c_mlm_head *head = m2c_builder_allocate(builder, 1, sizeof *head);
    if (!head)
        return NULL;
    size_t words = row_count(builder, prefix, "decoder.weight");
    head->dense = m2c_builder_dense(builder, prefix, "transform.dense", width, width);
    m2c_builder_norm(builder, prefix, "transform.LayerNorm", width, 1e-12F, &head->norm);
    head->decoder = m2c_builder_linear(builder, width, words);
    struct m2c_fill fill = {.rows = words, .total_rows = words, .in = width};
    m2c_builder_fill(builder, head->decoder, prefix, "decoder.weight", &fill);
    m2c_builder_fill_bias(builder, head->decoder, 0, words, prefix, "bias", 0, words);
    m2c_builder_seal(builder, head->decoder);
    return head;
}

/* The CMLM head attends from text states to frame features: their widths must agree. */
static void check_cmlm_widths(struct m2c_layer_builder *builder, const struct m2c_config *config,
                              const struct m2c_adapters *adapters)
{
    if (builder->status == M2C_OK && adapters->mlm && config->embed_dim != config->text.width)
        builder->status = m2c_fail_field(
            builder->err, M2C_BAD_MODEL, "embed_dim",
            "the CMLM head needs an embedding of the text width, but %d differs from %d",
            config->embed_dim, config->text.width);
}

static struct m2c_linear *load_vc(struct m2c_layer_builder *builder,
                                  const struct m2c_config *config)
{
    if (!m2c_builder_has(builder, "visual.adapter_fc", ".weight"))
        return NULL;
    size_t classes = row_count(builder, "visual.adapter_fc", ".weight");
    return m2c_builder_dense(builder, "visual.", "adapter_fc", (size_t)config->vision.width,
                             classes);
}

enum m2c_status m2c_adapters_load(const struct m2c_config *config, struct m2c_weights *weights,
                                  enum m2c_linear_kind kind, struct m2c_team *team,
                                  struct m2c_adapters *adapters, struct m2c_error *err)
{
    struct m2c_layer_builder builder = {.weights = weights, .kind = kind, .team = team, .err = err};
    *adapters = (struct m2c_adapters){0};
    allocate_places(&builder, config, adapters);
    load_vision_adapters(&builder, config, adapters);
    load_text_adapters(&builder, config, adapters);
    adapters->frame = load_frame_adapter(&builder, (size_t)config->embed_dim);
    adapters->vc = load_vc(&builder, config);
    adapters->mlm = load_mlm_head(&builder, config);
    check_cmlm_widths(&builder, config, adapters);
    if (builder.status != M2C_OK)
        m2c_adapters_destroy(adapters, config);
    return builder.status;
}

enum m2c_status m2c_adapters_none(const struct m2c_config *config, struct m2c_adapters *adapters,
                                  struct m2c_error *err)
{
    struct m2c_layer_builder builder = {.err = err};
    *adapters = (struct m2c_adapters){0};
    allocate_places(&builder, config, adapters);
    if (builder.status != M2C_OK)
        m2c_adapters_destroy(adapters, config);
    return builder.status;
}

static void ted_free(struct m2c_ted_adapter *adapter)
{
    if (!adapter)
        return;
    m2c_linear_free(&adapter->down);
    free(adapter->time_weight);
    free(adapter->time_bias);
    free(adapter->shift);
    free(adapter->space_weight);
    free(adapter->space_bias);
    m2c_linear_free(&adapter->up);
    free(adapter->difference_bias);
    free(adapter);
}

static void text_adapter_free(struct m2c_text_adapter *adapter)
{
    if (!adapter)
        return;
    m2c_linear_free(&adapter->fc1);
    m2c_linear_free(&adapter->fc2);
    free(adapter);
}

static void frame_adapter_free(struct m2c_frame_adapter *adapter)
{
    if (!adapter)
        return;
    m2c_linear_free(&adapter->down);
    m2c_linear_free(&adapter->up);
    free(adapter->time_weight);
    free(adapter->time_bias);
    free(adapter);
}

static void mlm_head_free(struct m2c_mlm_head *head)
{
    if (!head)
        return;
    m2c_linear_free(&head->dense);
    free(head->norm.gamma);
    free(head->norm.beta);
    m2c_linear_free(&head->decoder);
    free(head);
}

void m2c_adapters_destroy(struct m2c_adapters *adapters, const struct m2c_config *config)
{
    for (int i = 0; i < config->vision.layers; i++) {
        if (adapters->vision_pre_attn)
            ted_free(adapters->vision_pre_attn[i]);
        if (adapters->vision_pre_mlp)
            ted_free(adapters->vision_pre_mlp[i]);
    }
    for (int i = 0; i <= config->text.layers; i++) {
        if (adapters->text_pre_attn)
            text_adapter_free(adapters->text_pre_attn[i]);
        if (adapters->text_pre_mlp)
            text_adapter_free(adapters->text_pre_mlp[i]);
    }
    free(adapters->vision_pre_attn);
    free(adapters->vision_pre_mlp);
    free(adapters->text_pre_attn);
    free(adapters->text_pre_mlp);
    frame_adapter_free(adapters->frame);
    m2c_linear_free(&adapters->vc);
    mlm_head_free(adapters->mlm);
    *adapters = (struct m2c_adapters){0};
}

static void visit_ted(const struct m2c_ted_adapter *adapter, m2c_linear_visit visit, void *argument)
{
    if (!adapter)
        return;
    visit(argument, adapter->down);
    visit(argument, adapter->up);
}

static void visit_text_adapter(const struct m2c_text_adapter *adapter, m2c_linear_visit visit,
                               void *argument)
{
    if (!adapter)
        return;
    visit(argument, adapter->fc1);
    visit(argument, adapter->fc2);
}

void m2c_adapters_visit(const struct m2c_adapters *adapters, const struct m2c_config *config,
                        m2c_linear_visit visit, void *argument)
{
    for (int i = 0; i < config->vision.layers; i++) {
        visit_ted(adapters->vision_pre_attn[i], visit, argument);
        visit_ted(adapters->vision_pre_mlp[i], visit, argument);
    }
    for (int i = 0; i <= config->text.layers; i++) {
        visit_text_adapter(adapters->text_pre_attn[i], visit, argument);
        visit_text_adapter(adapters->text_pre_mlp[i], visit, argument);
    }
    if (adapters->frame) {
        visit(argument, adapters->frame->down);
        visit(argument, adapters->frame->up);
    }
    if (adapters->vc)
        visit(argument, adapters->vc);
    if (adapters->mlm) {
        visit(argument, adapters->mlm->dense);
        visit(argument, adapters->mlm->decoder);
    }
}
