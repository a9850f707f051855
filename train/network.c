#include "train/network.h"

#include <stdio.h>
#include <stdlib.h>

enum { NAME_BYTES = 200 };

/* Finds tensors with one sticky status: after the first failure every call gives nothing. */
struct finder {
    const struct trn_tensors *tensors;
    enum m2c_status status;
    struct m2c_error *err;
};

/* out <- prefix + name; "" where that does not fit, which no tensor is called. */
static void join(char out[NAME_BYTES], const char *prefix, const char *name)
{
    int length = snprintf(out, NAME_BYTES, "%s%s", prefix, name);
    if (length < 0 || length >= NAME_BYTES)
        out[0] = 0;
}

static const struct trn_tensor *find(const struct finder *finder, const char *prefix,
                                     const char *name)
{
    char full[NAME_BYTES];
    join(full, prefix, name);
    return trn_tensors_find(finder->tensors, full);
}

static bool has(const struct finder *finder, const char *prefix, const char *name)
{
    return find(finder, prefix, name) != NULL;
}

static bool same_shape(const struct trn_tensor *tensor, int rank, const size_t *shape)
{
    bool same = tensor->rank == rank;
    for (int i = 0; same && i < rank; i++)
        same = tensor->shape[i] == shape[i];
    return same;
}

/* The tensor of exactly this shape; all NULL after a failure. */
static struct trn_view take(struct finder *finder, const char *prefix, const char *name, int rank,
                            const size_t *shape)
{
    char wanted[M2C_TENSOR_TEXT_BYTES];
    const struct trn_tensor *tensor = find(finder, prefix, name);
    if (finder->status != M2C_OK)
        return (struct trn_view){0};
    if (!tensor || !same_shape(tensor, rank, shape)) {
        finder->status = m2c_fail_field(finder->err, M2C_BAD_MODEL, "weights",
                                        "tensor %s%s of shape %s is missing", prefix, name,
                                        m2c_shape_text(rank, shape, wanted));
        return (struct trn_view){0};
    }
    return (struct trn_view){.value = tensor->value, .grad = tensor->grad};
}

static struct trn_view take_vector(struct finder *finder, const char *prefix, const char *name,
                                   size_t count)
{
    return take(finder, prefix, name, 1, (const size_t[]){count});
}

static struct trn_view take_matrix(struct finder *finder, const char *prefix, const char *name,
                                   size_t rows, size_t columns)
{
    return take(finder, prefix, name, 2, (const size_t[]){rows, columns});
}

/* Rows of the matrix: the width of an adapter or head; 0 after a failure. */
static size_t row_count(struct finder *finder, const char *prefix, const char *name)
{
    const struct trn_tensor *tensor = find(finder, prefix, name);
    if (finder->status != M2C_OK)
        return 0;
    if (!tensor || tensor->rank != 2 || tensor->shape[0] == 0 ||
        tensor->shape[0] > M2C_MAX_CLASSES) {
        finder->status = m2c_fail_field(finder->err, M2C_BAD_MODEL, "weights",
                                        "tensor %s%s is missing or not a matrix of 1 to %d rows",
                                        prefix, name, M2C_MAX_CLASSES);
        return 0;
    }
    return tensor->shape[0];
}

static struct trn_norm take_norm(struct finder *finder, const char *prefix, const char *name,
                                 size_t width, float eps)
{
    char full[NAME_BYTES];
    join(full, prefix, name);
    return (struct trn_norm){.gamma = take_vector(finder, full, ".weight", width),
                             .beta = take_vector(finder, full, ".bias", width),
                             .width = width,
                             .eps = eps};
}

static struct trn_dense take_dense(struct finder *finder, const char *prefix, const char *name,
                                   size_t in, size_t out)
{
    char full[NAME_BYTES];
    join(full, prefix, name);
    return (struct trn_dense){.in = in,
                              .out = out,
                              .weight = take_matrix(finder, full, ".weight", out, in),
                              .bias = take_vector(finder, full, ".bias", out)};
}

/* Part 0 query, 1 key, 2 value: M2-CLIP stores them stacked, Hugging Face apart. */
static struct trn_dense take_projection(struct finder *finder, const char *prefix, size_t width,
                                        size_t part)
{
    static const char *const names[] = {"attn.q_proj", "attn.k_proj", "attn.v_proj"};
    if (has(finder, prefix, "attn.q_proj.weight"))
        return take_dense(finder, prefix, names[part], width, width);
    struct trn_dense dense = {
        .in = width,
        .out = width,
        .weight = take_matrix(finder, prefix, "attn.in_proj_weight", 3 * width, width),
        .bias = take_vector(finder, prefix, "attn.in_proj_bias", 3 * width),
    };
    size_t row = part * width;
    if (finder->status != M2C_OK)
        return dense;
    dense.weight.value += row * width;
    dense.bias.value += row;
    if (dense.weight.grad)
        dense.weight.grad += row * width;
    if (dense.bias.grad)
        dense.bias.grad += row;
    return dense;
}

/* The enhancement e, which the frame adapter is alone. */
static void take_enhancement(struct finder *finder, const char *prefix, size_t channels,
                             struct trn_ted *ted)
{
    size_t width = row_count(finder, prefix, "fc1.weight");
    const size_t time_shape[] = {width, 1, 3};
    ted->channels = channels;
    ted->width = width;
    ted->down = take_dense(finder, prefix, "fc1", channels, width);
    ted->up = take_dense(finder, prefix, "fc2", width, channels);
    ted->time_weight = take(finder, prefix, "conv.weight", 3, time_shape);
    ted->time_bias = take_vector(finder, prefix, "conv.bias", width);
}

/* The difference d. The biases of its two products are used elsewhere. */
static void take_difference(struct finder *finder, const char *prefix, struct trn_ted *ted)
{
    size_t width = ted->width;
    const size_t space_shape[] = {width, 1, 1, 3, 3};
    ted->difference = true;
    ted->difference_down = take_dense(finder, prefix, "offset_adapter.fc1", ted->channels, width);
    ted->shift = ted->difference_down.bias;
    ted->difference_down.bias = (struct trn_view){0};
    ted->difference_up = take_dense(finder, prefix, "offset_adapter.fc2", width, ted->channels);
    ted->difference_bias = ted->difference_up.bias;
    ted->difference_up.bias = (struct trn_view){0};
    ted->space_weight = take(finder, prefix, "offset_adapter.conv.weight", 5, space_shape);
    ted->space_bias = take_vector(finder, prefix, "offset_adapter.conv.bias", width);
}

/* Which kind it is follows from the tensors there are. */
static struct trn_adapter take_adapter(struct finder *finder, const char *block_prefix,
                                       const char *place, size_t channels)
{
    struct trn_adapter adapter = {.kind = TRN_ADAPTER_NONE};
    char prefix[NAME_BYTES];
    join(prefix, block_prefix, place);
    if (has(finder, prefix, "textad_fc1.weight")) {
        size_t width = row_count(finder, prefix, "textad_fc1.weight");
        adapter.kind = TRN_ADAPTER_TEXT;
        adapter.text.fc1 = take_dense(finder, prefix, "textad_fc1", channels, width);
        adapter.text.fc2 = take_dense(finder, prefix, "textad_fc2", width, channels);
    } else if (has(finder, prefix, "fc1.weight")) {
        adapter.kind = TRN_ADAPTER_TED;
        take_enhancement(finder, prefix, channels, &adapter.ted);
        if (has(finder, prefix, "offset_adapter.fc1.weight"))
            take_difference(finder, prefix, &adapter.ted);
    }
    return adapter;
}

static void take_adapters(struct finder *finder, const char *prefix, struct trn_block *block)
{
    block->pre_attn = take_adapter(finder, prefix, "adapter_pre_attn.", block->ln_1.width);
    block->pre_mlp = take_adapter(finder, prefix, "adapter_pre_mlp.", block->ln_1.width);
}

static void take_block(struct finder *finder, const char *prefix,
                       const struct m2c_tower_config *tower, struct trn_block *block)
{
    size_t width = (size_t)tower->width, mlp_width = (size_t)tower->mlp_width;
    block->activation = tower->activation;
    block->heads = (size_t)tower->heads;
    block->ln_1 = take_norm(finder, prefix, "ln_1", width, tower->layer_norm_eps);
    block->ln_2 = take_norm(finder, prefix, "ln_2", width, tower->layer_norm_eps);
    block->query = take_projection(finder, prefix, width, 0);
    block->key = take_projection(finder, prefix, width, 1);
    block->value = take_projection(finder, prefix, width, 2);
    block->out = take_dense(finder, prefix, "attn.out_proj", width, width);
    block->fc = take_dense(finder, prefix, "mlp.c_fc", width, mlp_width);
    block->proj = take_dense(finder, prefix, "mlp.c_proj", mlp_width, width);
}

static struct trn_block *take_tower(struct finder *finder, const char *prefix,
                                    const struct m2c_tower_config *tower)
{
    size_t layers = (size_t)tower->layers;
    struct trn_block *blocks = calloc(layers, sizeof *blocks);
    if (!blocks) {
        finder->status = m2c_fail_memory(finder->err, "blocks", layers * sizeof *blocks);
        return NULL;
    }
    for (size_t i = 0; i < layers; i++) {
        char number[NAME_BYTES], name[NAME_BYTES];
        (void)snprintf(number, sizeof number, "%zu.", i);
        join(name, prefix, number);
        take_block(finder, name, tower, &blocks[i]);
        take_adapters(finder, name, &blocks[i]);
    }
    return blocks;
}

/* Stored as [C, E] by M2-CLIP, as [E, C] by Hugging Face. */
static struct trn_dense take_output(struct finder *finder, const char *flat_name,
                                    const char *huggingface_name, size_t in, size_t out)
{
    bool apart = has(finder, huggingface_name, "");
    return (struct trn_dense){
        .in = in,
        .out = out,
        .transposed = !apart,
        .weight = apart ? take_matrix(finder, huggingface_name, "", out, in)
                        : take_matrix(finder, flat_name, "", in, out),
    };
}

static void take_vision(struct finder *finder, const struct m2c_config *config,
                        struct trn_vision_network *vision)
{
    size_t width = (size_t)config->vision.width, patch_px = (size_t)config->patch_px;
    size_t grid = (size_t)(config->image_px / config->patch_px);
    size_t dim = (size_t)config->embed_dim;
    float eps = config->vision.layer_norm_eps;
    const size_t patch_shape[] = {width, 3, patch_px, patch_px};
    vision->patch = (struct trn_dense){.in = 3 * patch_px * patch_px, .out = width};
    vision->patch.weight = take(finder, "visual.conv1.weight", "", 4, patch_shape);
    vision->class_embedding = take_vector(finder, "visual.class_embedding", "", width);
    vision->positions =
        take_matrix(finder, "visual.positional_embedding", "", 1 + grid * grid, width);
    vision->ln_pre = take_norm(finder, "visual.", "ln_pre", width, eps);
    vision->ln_post = take_norm(finder, "visual.", "ln_post", width, eps);
    vision->blocks = take_tower(finder, "visual.transformer.resblocks.", &config->vision);
    vision->projection = take_output(finder, "visual.proj", "visual_projection.weight", width, dim);
    vision->frame = take_adapter(finder, "visual.", "t_adapter.", dim);
    if (has(finder, "visual.adapter_fc", ".weight"))
        vision->vc = take_dense(finder, "visual.", "adapter_fc", width,
                                row_count(finder, "visual.adapter_fc", ".weight"));
}

static void take_text(struct finder *finder, const struct m2c_config *config,
                      struct trn_text_network *text)
{
    size_t width = (size_t)config->text.width;
    text->tokens =
        take_matrix(finder, "token_embedding.weight", "", (size_t)config->vocabulary, width);
    text->positions =
        take_matrix(finder, "positional_embedding", "", (size_t)config->context_length, width);
    text->blocks = take_tower(finder, "transformer.resblocks.", &config->text);
    text->ln_final = take_norm(finder, "", "ln_final", width, config->text.layer_norm_eps);
    text->projection = take_output(finder, "text_projection", "text_projection.weight", width,
                                   (size_t)config->embed_dim);
}

/* The block is the stored one behind the encoding ones, else the last of these; its adapters bear
 * the number behind the last in both cases. */
static void take_cmlm(struct finder *finder, const struct m2c_config *config,
                      struct trn_cmlm_network *cmlm)
{
    static const char head[] = "mlm_adapter.";
    char prefix[NAME_BYTES], block_prefix[NAME_BYTES];
    size_t width = (size_t)config->text.width;
    cmlm->present = has(finder, head, "decoder.weight");
    if (!cmlm->present)
        return;
    (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%d.", config->text.layers);
    bool own = has(finder, prefix, "ln_1.weight");
    (void)snprintf(block_prefix, sizeof block_prefix, "transformer.resblocks.%d.",
                   own ? config->text.layers : config->text.layers - 1);
    take_block(finder, block_prefix, &config->text, &cmlm->block);
    take_adapters(finder, prefix, &cmlm->block);
    cmlm->dense = take_dense(finder, head, "transform.dense", width, width);
    cmlm->norm = take_norm(finder, head, "transform.LayerNorm", width, 1e-12F);
    cmlm->decoder.in = width;
    cmlm->decoder.out = row_count(finder, head, "decoder.weight");
    cmlm->decoder.weight = take_matrix(finder, head, "decoder.weight", cmlm->decoder.out, width);
    cmlm->decoder.bias = take_vector(finder, head, "bias", cmlm->decoder.out);
    if (finder->status == M2C_OK && config->embed_dim != config->text.width)
        finder->status = m2c_fail_field(
            finder->err, M2C_BAD_MODEL, "embed_dim",
            "the CMLM head needs an embedding of the text width, but %d differs from %d",
            config->embed_dim, config->text.width);
}

enum m2c_status trn_network_build(const struct m2c_config *config,
                                  const struct trn_tensors *tensors, struct trn_network *network,
                                  struct m2c_error *err)
{
    struct finder finder = {.tensors = tensors, .err = err};
    *network = (struct trn_network){.config = *config};
    take_vision(&finder, config, &network->vision);
    take_text(&finder, config, &network->text);
    take_cmlm(&finder, config, &network->cmlm);
    if (has(&finder, "logit_scale", ""))
        network->logit_scale = take(&finder, "logit_scale", "", 0, NULL);
    return finder.status;
}

void trn_network_destroy(struct trn_network *network)
{
    free(network->vision.blocks);
    free(network->text.blocks);
    *network = (struct trn_network){0};
}
