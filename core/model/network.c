#include "model/network.h"

#include <stdio.h>
#include <stdlib.h>

#include "model/layer_builder.h"

size_t m2c_config_grid(const struct m2c_config *config)
{
    return (size_t)(config->image_px / config->patch_px);
}

size_t m2c_config_tokens(const struct m2c_config *config)
{
    size_t grid = m2c_config_grid(config);
    return 1 + grid * grid;
}

/* Rows first..first+2 of the three projections: M2-CLIP stores them stacked as in_proj, Hugging
 * Face apart. `part` is 0 query, 1 key, 2 value. */
static void fill_projection(struct m2c_layer_builder *builder, struct m2c_linear *layer,
                            const char *prefix, size_t width, size_t part, size_t row)
{
    static const char *const weights[] = {"attn.q_proj.weight", "attn.k_proj.weight",
                                          "attn.v_proj.weight"};
    static const char *const biases[] = {"attn.q_proj.bias", "attn.k_proj.bias",
                                         "attn.v_proj.bias"};
    struct m2c_fill fill = {.row = row, .rows = width, .total_rows = width, .in = width};
    if (m2c_builder_has(builder, prefix, weights[part])) {
        m2c_builder_fill(builder, layer, prefix, weights[part], &fill);
        m2c_builder_fill_bias(builder, layer, row, width, prefix, biases[part], 0, width);
        return;
    }
    fill.source_row = part * width;
    fill.total_rows = 3 * width;
    m2c_builder_fill(builder, layer, prefix, "attn.in_proj_weight", &fill);
    m2c_builder_fill_bias(builder, layer, row, width, prefix, "attn.in_proj_bias", part * width,
                          3 * width);
}

static void load_block(struct m2c_layer_builder *builder, const char *prefix,
                       const struct m2c_tower_config *tower, struct m2c_block *block)
{
    size_t width = (size_t)tower->width;
    size_t mlp_width = (size_t)tower->mlp_width;
    block->activation = tower->activation;
    block->heads = tower->heads;
    m2c_builder_norm(builder, prefix, "ln_1", width, tower->layer_norm_eps, &block->ln_1);
    m2c_builder_norm(builder, prefix, "ln_2", width, tower->layer_norm_eps, &block->ln_2);
    block->query = m2c_builder_linear(builder, width, width);
    fill_projection(builder, block->query, prefix, width, 0, 0);
    m2c_builder_seal(builder, block->query);
    block->key_value = m2c_builder_linear(builder, width, 2 * width);
    fill_projection(builder, block->key_value, prefix, width, 1, 0);
    fill_projection(builder, block->key_value, prefix, width, 2, width);
    m2c_builder_seal(builder, block->key_value);
    block->out = m2c_builder_dense(builder, prefix, "attn.out_proj", width, width);
    block->fc = m2c_builder_dense(builder, prefix, "mlp.c_fc", width, mlp_width);
    block->proj = m2c_builder_dense(builder, prefix, "mlp.c_proj", mlp_width, width);
}

struct tower_load {
    const char *prefix;
    const struct m2c_tower_config *tower;
    struct m2c_block *blocks;
};

static void load_tower_block(struct m2c_layer_builder *builder, size_t index, void *argument)
{
    const struct tower_load *load = argument;
    char name[M2C_LAYER_NAME_BYTES];
    (void)snprintf(name, sizeof name, "%s%zu.", load->prefix, index);
    load_block(builder, name, load->tower, &load->blocks[index]);
}

static void load_tower(struct m2c_layer_builder *builder, const char *prefix,
                       const struct m2c_tower_config *tower, struct m2c_block **blocks)
{
    size_t layers = (size_t)tower->layers;
    *blocks = m2c_builder_allocate(builder, layers, sizeof **blocks);
    struct tower_load load = {.prefix = prefix, .tower = tower, .blocks = *blocks};
    m2c_builder_each(builder, layers, load_tower_block, &load);
}

/* A projection stored as [C, E] by M2-CLIP, as [E, C] by Hugging Face. */
static struct m2c_linear *load_projection(struct m2c_layer_builder *builder, const char *flat_name,
                                          const char *huggingface_name, size_t in, size_t out)
{
    struct m2c_linear *layer = m2c_builder_linear(builder, in, out);
    bool apart = m2c_builder_has(builder, huggingface_name, "");
    struct m2c_fill fill = {.rows = out, .total_rows = out, .in = in, .transposed = !apart};
    m2c_builder_fill(builder, layer, apart ? huggingface_name : flat_name, "", &fill);
    m2c_builder_seal(builder, layer);
    return layer;
}

static void load_vision(struct m2c_layer_builder *builder, struct m2c_base *base)
{
    const struct m2c_config *config = &base->config;
    size_t width = (size_t)config->vision.width;
    size_t patch_px = (size_t)config->patch_px;
    size_t positions[2] = {m2c_config_tokens(config), width};
    struct m2c_fill fill = {.rows = width,
                            .total_rows = width,
                            .in = 3 * patch_px * patch_px,
                            .rank = 4,
                            .patch_px = patch_px};
    float eps = config->vision.layer_norm_eps;
    base->patch = m2c_builder_linear(builder, fill.in, width);
    m2c_builder_fill(builder, base->patch, "visual.conv1.weight", "", &fill);
    m2c_builder_seal(builder, base->patch);
    base->class_embedding = m2c_builder_vector(builder, "visual.class_embedding", "", width);
    base->vision_positions =
        m2c_builder_tensor(builder, "visual.positional_embedding", "", 2, positions);
    m2c_builder_norm(builder, "visual.", "ln_pre", width, eps, &base->ln_pre);
    load_tower(builder, "visual.transformer.resblocks.", &config->vision, &base->vision);
    m2c_builder_norm(builder, "visual.", "ln_post", width, eps, &base->ln_post);
    base->vision_projection = load_projection(builder, "visual.proj", "visual_projection.weight",
                                              width, (size_t)config->embed_dim);
}

static void load_text(struct m2c_layer_builder *builder, struct m2c_base *base)
{
    const struct m2c_config *config = &base->config;
    size_t width = (size_t)config->text.width;
    size_t tokens[2] = {(size_t)config->vocabulary, width};
    size_t positions[2] = {(size_t)config->context_length, width};
    if (builder->status == M2C_OK)
        builder->status = m2c_weights_get(builder->weights, "token_embedding.weight", 2, tokens,
                                          &base->tokens, builder->err);
    base->text_positions = m2c_builder_tensor(builder, "positional_embedding", "", 2, positions);
    load_tower(builder, "transformer.resblocks.", &config->text, &base->text);
    m2c_builder_norm(builder, "", "ln_final", width, config->text.layer_norm_eps, &base->ln_final);
    base->text_projection = load_projection(builder, "text_projection", "text_projection.weight",
                                            width, (size_t)config->embed_dim);
}

/* The stored block behind the encoding ones, where there is one. */
static void load_cmlm_block(struct m2c_layer_builder *builder, struct m2c_base *base)
{
    char prefix[M2C_LAYER_NAME_BYTES];
    (void)snprintf(prefix, sizeof prefix, "transformer.resblocks.%d.", base->config.text.layers);
    if (!m2c_builder_has(builder, prefix, "ln_1.weight"))
        return;
    base->cmlm = m2c_builder_allocate(builder, 1, sizeof *base->cmlm);
    if (base->cmlm)
        load_block(builder, prefix, &base->config.text, base->cmlm);
}

enum m2c_status m2c_base_load(const struct m2c_config *config, struct m2c_weights *weights,
                              enum m2c_linear_kind kind, struct m2c_team *team,
                              struct m2c_base *base, struct m2c_error *err)
{
    struct m2c_layer_builder builder = {.weights = weights, .kind = kind, .team = team, .err = err};
    *base = (struct m2c_base){.config = *config};
    load_vision(&builder, base);
    load_text(&builder, base);
    load_cmlm_block(&builder, base);
    if (m2c_builder_has(&builder, "logit_scale", ""))
        (void)m2c_weights_find(weights, "logit_scale"); /* read by training alone */
    if (builder.status != M2C_OK)
        m2c_base_destroy(base);
    return builder.status;
}

static void norm_destroy(struct m2c_norm *norm)
{
    free(norm->gamma);
    free(norm->beta);
}

static void block_destroy(struct m2c_block *block)
{
    norm_destroy(&block->ln_1);
    norm_destroy(&block->ln_2);
    m2c_linear_free(&block->query);
    m2c_linear_free(&block->key_value);
    m2c_linear_free(&block->out);
    m2c_linear_free(&block->fc);
    m2c_linear_free(&block->proj);
}

static void tower_destroy(struct m2c_block *blocks, int layers)
{
    for (int i = 0; blocks && i < layers; i++)
        block_destroy(&blocks[i]);
    free(blocks);
}

void m2c_base_destroy(struct m2c_base *base)
{
    m2c_linear_free(&base->patch);
    free(base->class_embedding);
    free(base->vision_positions);
    norm_destroy(&base->ln_pre);
    norm_destroy(&base->ln_post);
    tower_destroy(base->vision, base->config.vision.layers);
    m2c_linear_free(&base->vision_projection);
    free(base->text_positions);
    tower_destroy(base->text, base->config.text.layers);
    norm_destroy(&base->ln_final);
    m2c_linear_free(&base->text_projection);
    tower_destroy(base->cmlm, 1);
    *base = (struct m2c_base){0};
}

const struct m2c_block *m2c_base_cmlm_block(const struct m2c_base *base)
{
    return base->cmlm ? base->cmlm : &base->text[base->config.text.layers - 1];
}

static void visit_tower(const struct m2c_block *blocks, int layers, m2c_linear_visit visit,
                        void *argument)
{
    for (int i = 0; i < layers; i++) {
        visit(argument, blocks[i].query);
        visit(argument, blocks[i].key_value);
        visit(argument, blocks[i].out);
        visit(argument, blocks[i].fc);
        visit(argument, blocks[i].proj);
    }
}

void m2c_base_visit(const struct m2c_base *base, m2c_linear_visit visit, void *argument)
{
    visit(argument, base->patch);
    visit(argument, base->vision_projection);
    visit(argument, base->text_projection);
    visit_tower(base->vision, base->config.vision.layers, visit, argument);
    visit_tower(base->text, base->config.text.layers, visit, argument);
    if (base->cmlm)
        visit_tower(base->cmlm, 1, visit, argument);
}
