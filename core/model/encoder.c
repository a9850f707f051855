#include "model/encoder.h"

#include <assert.h>
#include <stdlib.h>

#include "kernels/attention.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t linear_scratch_floats(const struct m2c_encoder *encoder)
{
    size_t bytes = m2c_model_linear_scratch_bytes(encoder->model);
    return (bytes + sizeof(float) - 1) / sizeof(float);
}

static size_t tower_head_dim(const struct m2c_tower_config *tower)
{
    return (size_t)tower->width / (size_t)tower->heads;
}

/* Floats that one head takes: frames attending to themselves, texts to frames, a row of a text to
 * the rows before it. */
static size_t attention_floats(const struct m2c_config *config, size_t max_frames)
{
    size_t tokens = m2c_config_tokens(config);
    size_t context = (size_t)config->context_length;
    size_t vision = m2c_attention_scratch(tokens, tokens, tower_head_dim(&config->vision));
    size_t text = m2c_attention_scratch(context, max_frames, tower_head_dim(&config->text));
    return larger(context, larger(vision, text));
}

static void cut_member_scratch(struct m2c_encoder *encoder, int member, size_t hidden,
                               size_t scores, size_t context)
{
    struct m2c_member_scratch *scratch = &encoder->members[member];
    scratch->hidden = m2c_arena_floats(&encoder->scratch_arena, hidden);
    scratch->linear = m2c_arena_floats(&encoder->scratch_arena, linear_scratch_floats(encoder));
    scratch->scores = m2c_arena_floats(&encoder->scratch_arena, scores);
    scratch->keys = encoder->pointers + (size_t)member * 2 * context;
    scratch->values = scratch->keys + context;
}

static enum m2c_status init_members(struct m2c_encoder *encoder, struct m2c_error *err)
{
    const struct m2c_config *config = &encoder->base->config;
    size_t size = (size_t)m2c_team_size(encoder->team);
    size_t context = (size_t)config->context_length;
    size_t hidden = M2C_CHUNK_ROWS * m2c_model_hidden_widths(encoder->model).scratch;
    size_t scores = attention_floats(config, (size_t)encoder->max_frames);
    size_t bytes = size * (m2c_arena_floats_bytes(hidden) + m2c_arena_floats_bytes(scores) +
                           m2c_arena_floats_bytes(linear_scratch_floats(encoder)));
    encoder->members = calloc(size, sizeof *encoder->members);
    encoder->pointers = calloc(size * 2 * context, sizeof *encoder->pointers);
    encoder->wanted = calloc(M2C_TEXT_BATCH_ROWS, sizeof *encoder->wanted);
    if (!encoder->members || !encoder->pointers || !encoder->wanted)
        return m2c_fail_memory(err, "an encoder", size * 2 * context * sizeof(float *));
    enum m2c_status status = m2c_arena_init(&encoder->scratch_arena, bytes, err);
    for (size_t i = 0; status == M2C_OK && i < size; i++)
        cut_member_scratch(encoder, (int)i, hidden, scores, context);
    return status;
}

/* A library's product may sum a row otherwise in a call of other rows; ours does not. So that
 * answers do not depend on who was faster, only our own rows change hands. */
static enum m2c_status init_shares(struct m2c_encoder *encoder, struct m2c_error *err)
{
    enum m2c_status status = m2c_shares_new(m2c_team_size(encoder->team), &encoder->shares, err);
    if (status == M2C_OK)
        m2c_shares_fix(encoder->shares, m2c_model_backend(encoder->model) != M2C_BACKEND_NATIVE);
    return status;
}

enum m2c_status m2c_encoder_new(const struct m2c_model *model,
                                const struct m2c_encoder_options *options, struct m2c_encoder **out,
                                struct m2c_error *err)
{
    const struct m2c_base *base = m2c_model_base(model);
    struct m2c_encoder *encoder = calloc(1, sizeof *encoder);
    assert(options->max_frames >= 1);
    *out = NULL;
    if (!encoder)
        return m2c_fail_memory(err, "an encoder", sizeof *encoder);
    encoder->model = model;
    encoder->base = base;
    encoder->team = options->team;
    encoder->max_frames = options->max_frames;
    struct m2c_hidden_widths widths = m2c_model_hidden_widths(model);
    size_t frames = (size_t)options->max_frames;
    size_t vision_bytes = m2c_vision_arena_bytes(&base->config, &widths, frames);
    size_t text_bytes = m2c_text_arena_bytes(&base->config, frames);
    enum m2c_status status = m2c_arena_init(&encoder->arena, larger(vision_bytes, text_bytes), err);
    if (status == M2C_OK)
        status = init_members(encoder, err);
    if (status == M2C_OK)
        status = init_shares(encoder, err);
    if (status == M2C_OK)
        status = m2c_text_tree_init(&encoder->tree, M2C_TEXT_BATCH_ROWS, M2C_TEXT_BATCH_ROWS, err);
    if (status != M2C_OK) {
        m2c_encoder_free(&encoder);
        return status;
    }
    *out = encoder;
    return M2C_OK;
}

void m2c_encoder_free(struct m2c_encoder **encoder_pointer)
{
    struct m2c_encoder *encoder = *encoder_pointer;
    *encoder_pointer = NULL;
    if (!encoder)
        return;
    m2c_arena_destroy(&encoder->arena);
    m2c_arena_destroy(&encoder->scratch_arena);
    m2c_shares_free(&encoder->shares);
    free(encoder->members);
    free(encoder->pointers);
    m2c_text_tree_destroy(&encoder->tree);
    free(encoder->wanted);
    free(encoder);
}
