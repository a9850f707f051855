#include "train/cmlm.h"

#include <string.h>

#include "kernels/kernels.h"
#include "train/activation.h"

void trn_cmlm_carve(struct trn_carver *carver, struct trn_cmlm *cmlm, int team_size)
{
    const struct trn_cmlm_network *network = &cmlm->network->cmlm;
    size_t width = network->dense.in, clips = cmlm->vision->clips;
    cmlm->masked = cmlm->text->masked;
    cmlm->frames = clips * cmlm->vision->frames;
    cmlm->layout = (struct trn_layout){.rows = cmlm->masked, .kept = cmlm->masked};
    cmlm->run = (struct trn_block_run){.block = &network->block, .layout = &cmlm->layout};
    trn_block_carve_state(carver, &cmlm->run);
    trn_block_carve_scratch(carver, &cmlm->run, 0);
    cmlm->frame_starts = trn_carve_sizes(carver, clips + 1);
    for (size_t b = 0; carver->base && b <= clips; b++)
        cmlm->frame_starts[b] = b * cmlm->vision->frames;
    cmlm->z = trn_carve(carver, cmlm->masked * width);
    cmlm->frame_normed = trn_carve(carver, cmlm->frames * width);
    cmlm->kv = trn_carve(carver, cmlm->frames * 2 * width);
    cmlm->dkv = trn_carve(carver, cmlm->frames * 2 * width);
    cmlm->y = trn_carve(carver, cmlm->masked * width);
    cmlm->final_normed = trn_carve(carver, cmlm->masked * width);
    cmlm->dense_z = trn_carve(carver, cmlm->masked * width);
    cmlm->dense_h = trn_carve(carver, cmlm->masked * width);
    cmlm->head_normed = trn_carve(carver, cmlm->masked * width);
    cmlm->logits = trn_carve(carver, cmlm->masked * network->decoder.out);
    cmlm->dz = trn_carve(carver, cmlm->masked * width);
    cmlm->dn = trn_carve(carver, cmlm->masked * width);
    cmlm->d_frames = trn_carve(carver, cmlm->frames * width);
    cmlm->stats = trn_carve(carver, 2 * (cmlm->masked + cmlm->frames));
    cmlm->attention_stride = trn_attention_scratch(
        cmlm->text->last_layout.longest_kept, cmlm->vision->frames, width / network->block.heads);
    cmlm->attention = trn_carve(carver, (size_t)team_size * cmlm->attention_stride);
}

static void forward_dense(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, float *y, size_t ldy)
{
    const struct trn_dense_pass pass = {
        .dense = dense, .rows = rows, .x = x, .ldx = dense->in, .y = y, .ldy = ldy};
    trn_dense_forward(team, &pass);
}

static struct trn_attention attention_of(const struct trn_cmlm *cmlm)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    return (struct trn_attention){.sequences = cmlm->vision->clips,
                                  .query_starts = cmlm->text->masked_starts + cmlm->first_text,
                                  .key_starts = cmlm->frame_starts,
                                  .heads = block->heads,
                                  .head_dim = block->ln_1.width / block->heads,
                                  .q = cmlm->run.state.q,
                                  .kv = cmlm->kv};
}

/* x2 = x1 + CrossAttention(LN1(x1), LN1(f)). */
static void forward_attention(struct m2c_team *team, struct trn_cmlm *cmlm)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    struct trn_block_state *state = &cmlm->run.state;
    size_t width = block->ln_1.width, masked = cmlm->masked;
    trn_norm_forward(team, &block->ln_1, masked, state->x1, cmlm->dn);
    trn_norm_forward(team, &block->ln_1, cmlm->frames, cmlm->vision->features, cmlm->frame_normed);
    forward_dense(team, &block->query, masked, cmlm->dn, state->q, width);
    forward_dense(team, &block->key, cmlm->frames, cmlm->frame_normed, cmlm->kv, 2 * width);
    forward_dense(team, &block->value, cmlm->frames, cmlm->frame_normed, cmlm->kv + width,
                  2 * width);
    struct trn_attention attention = attention_of(cmlm);
    trn_attention_forward(team, &attention, state->o, cmlm->attention, cmlm->attention_stride);
    memcpy(state->x2, state->x1, masked * width * sizeof *state->x2);
    const struct trn_dense_pass out = {.dense = &block->out,
                                       .rows = masked,
                                       .x = state->o,
                                       .ldx = width,
                                       .y = state->x2,
                                       .ldy = width,
                                       .store = TRN_ADD};
    trn_dense_forward(team, &out);
}

static void forward_head(struct m2c_team *team, struct trn_cmlm *cmlm)
{
    const struct trn_cmlm_network *network = &cmlm->network->cmlm;
    size_t width = network->dense.in, masked = cmlm->masked;
    const struct trn_dense_pass dense = {.dense = &network->dense,
                                         .rows = masked,
                                         .x = cmlm->final_normed,
                                         .ldx = width,
                                         .y = cmlm->dense_z,
                                         .ldy = width,
                                         .bare = true};
    trn_norm_forward(team, &cmlm->network->text.ln_final, masked, cmlm->y, cmlm->final_normed);
    trn_dense_forward(team, &dense);
    trn_activation_forward(team, M2C_ACT_GELU, masked, width, cmlm->dense_z,
                           network->dense.bias.value, cmlm->dense_h);
    trn_norm_forward(team, &network->norm, masked, cmlm->dense_h, cmlm->head_normed);
    forward_dense(team, &network->decoder, masked, cmlm->head_normed, cmlm->logits,
                  network->decoder.out);
}

void trn_cmlm_forward(struct m2c_team *team, struct trn_cmlm *cmlm)
{
    struct trn_block_state *state = &cmlm->run.state;
    const struct trn_block *block = &cmlm->network->cmlm.block;
    size_t width = block->ln_1.width;
    if (cmlm->masked == 0)
        return;
    for (size_t i = 0; i < cmlm->masked; i++)
        memcpy(cmlm->z + i * width, cmlm->text->tower.output + cmlm->text->masked_kept[i] * width,
               width * sizeof *cmlm->z);
    state->x = cmlm->z;
    state->x1 = state->own_x1 ? state->own_x1 : cmlm->z;
    trn_adapter_forward(team, &block->pre_attn, &cmlm->layout.grid, cmlm->masked, cmlm->z,
                        state->own_x1, &state->pre_attn, &cmlm->run.scratch.pre_attn);
    forward_attention(team, cmlm);
    trn_block_rest_forward(team, &cmlm->run, cmlm->y);
    forward_head(team, cmlm);
}

/* dz <- the gradient of the block's output. */
static void backward_head(struct m2c_team *team, struct trn_cmlm *cmlm, const float *d_logits)
{
    const struct trn_cmlm_network *network = &cmlm->network->cmlm;
    size_t width = network->dense.in, masked = cmlm->masked, words = network->decoder.out;
    float *dz = cmlm->dz, *dn = cmlm->dn;
    trn_dense_to_weights(team, &network->decoder, masked, cmlm->head_normed, width, d_logits,
                         words);
    trn_dense_to_input(team, &network->decoder, masked, d_logits, words, dn, width, TRN_STORE);
    memset(dz, 0, masked * width * sizeof *dz);
    trn_norm_backward(team, &network->norm, masked, cmlm->dense_h, dn, dz, cmlm->stats);
    trn_activation_backward(team, M2C_ACT_GELU, masked, width, cmlm->dense_z,
                            network->dense.bias.value, dz);
    trn_dense_to_weights(team, &network->dense, masked, cmlm->final_normed, width, dz, width);
    trn_dense_to_input(team, &network->dense, masked, dz, width, dn, width, TRN_STORE);
    memset(dz, 0, masked * width * sizeof *dz);
    trn_norm_backward(team, &cmlm->network->text.ln_final, masked, cmlm->y, dn, dz, cmlm->stats);
}

/* From the queries back to the words' states. */
static void backward_queries(struct m2c_team *team, struct trn_cmlm *cmlm, const float *dq)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    const struct trn_block_state *state = &cmlm->run.state;
    size_t width = block->ln_1.width, masked = cmlm->masked;
    if (trn_dense_trained(&block->query)) {
        trn_norm_forward(team, &block->ln_1, masked, state->x1, cmlm->dn);
        trn_dense_to_weights(team, &block->query, masked, cmlm->dn, width, dq, width);
    }
    trn_dense_to_input(team, &block->query, masked, dq, width, cmlm->dn, width, TRN_STORE);
    trn_norm_backward(team, &block->ln_1, masked, state->x1, cmlm->dn, cmlm->dz, cmlm->stats);
}

/* From keys and values back to the frame features. */
static void backward_frames(struct m2c_team *team, struct trn_cmlm *cmlm)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    size_t width = block->ln_1.width, frames = cmlm->frames;
    const float *dk = cmlm->dkv, *dv = cmlm->dkv + width;
    trn_dense_to_weights(team, &block->key, frames, cmlm->frame_normed, width, dk, 2 * width);
    trn_dense_to_weights(team, &block->value, frames, cmlm->frame_normed, width, dv, 2 * width);
    trn_dense_to_input(team, &block->key, frames, dk, 2 * width, cmlm->d_frames, width, TRN_STORE);
    trn_dense_to_input(team, &block->value, frames, dv, 2 * width, cmlm->d_frames, width, TRN_ADD);
    trn_norm_backward(team, &block->ln_1, frames, cmlm->vision->features, cmlm->d_frames,
                      cmlm->vision->d_features, cmlm->stats);
}

static void backward_attention(struct m2c_team *team, struct trn_cmlm *cmlm)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    const struct trn_block_state *state = &cmlm->run.state;
    size_t width = block->ln_1.width, masked = cmlm->masked;
    float *dq = cmlm->run.scratch.wide;
    struct trn_attention attention = attention_of(cmlm);
    trn_dense_to_weights(team, &block->out, masked, state->o, width, cmlm->dz, width);
    trn_dense_to_input(team, &block->out, masked, cmlm->dz, width, cmlm->dn, width, TRN_STORE);
    trn_attention_backward(team, &attention, cmlm->dn, dq, cmlm->dkv, cmlm->attention,
                           cmlm->attention_stride);
    backward_queries(team, cmlm, dq);
    backward_frames(team, cmlm);
}

void trn_cmlm_backward(struct m2c_team *team, struct trn_cmlm *cmlm, const float *d_logits)
{
    const struct trn_block *block = &cmlm->network->cmlm.block;
    const struct trn_block_state *state = &cmlm->run.state;
    size_t width = block->ln_1.width;
    if (cmlm->masked == 0)
        return;
    backward_head(team, cmlm, d_logits);
    trn_block_rest_backward(team, &cmlm->run, cmlm->dz, true);
    backward_attention(team, cmlm);
    trn_adapter_backward(team, &block->pre_attn, &cmlm->layout.grid, cmlm->masked, state->x,
                         &state->pre_attn, cmlm->dz, true, &cmlm->run.scratch.pre_attn);
    for (size_t i = 0; i < cmlm->masked; i++)
        m2c_kernels_get()->add(cmlm->text->d_output + cmlm->text->masked_kept[i] * width, width,
                               cmlm->dz + i * width, width, 1, width);
}
