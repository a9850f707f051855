#include "train/block.h"

#include <string.h>

#include "train/activation.h"

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

void trn_block_carve_state(struct trn_carver *carver, struct trn_block_run *run)
{
    const struct trn_block *block = run->block;
    struct trn_block_state *state = &run->state;
    size_t width = block->ln_1.width, rows = run->layout->rows, kept = run->layout->kept;
    state->own_x1 =
        block->pre_attn.kind == TRN_ADAPTER_NONE ? NULL : trn_carve(carver, rows * width);
    state->q = trn_carve(carver, kept * width);
    state->kv = trn_carve(carver, rows * 2 * width);
    state->o = trn_carve(carver, kept * width);
    state->x2 = trn_carve(carver, kept * width);
    state->x3 =
        block->pre_mlp.kind == TRN_ADAPTER_NONE ? state->x2 : trn_carve(carver, kept * width);
    state->z = trn_carve(carver, kept * block->fc.out);
    trn_adapter_carve_state(carver, &block->pre_attn, rows, &state->pre_attn);
    trn_adapter_carve_state(carver, &block->pre_mlp, kept, &state->pre_mlp);
}

/* Adapters and the wide rows never hold anything at the same time. */
static void carve_shared(struct trn_carver *carver, struct trn_block_run *run)
{
    const struct trn_block *block = run->block;
    struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, rows = run->layout->rows, kept = run->layout->kept;
    size_t mark = carver->used;
    scratch->wide =
        trn_carve(carver, larger(kept * block->fc.out, kept * width + rows * 2 * width));
    size_t end = carver->used;
    trn_carver_rewind(carver, mark);
    trn_adapter_carve_scratch(carver, &block->pre_attn, rows, &scratch->pre_attn);
    end = larger(end, carver->used);
    trn_carver_rewind(carver, mark);
    trn_adapter_carve_scratch(carver, &block->pre_mlp, kept, &scratch->pre_mlp);
    trn_carver_rewind(carver, larger(end, carver->used));
}

void trn_block_carve_scratch(struct trn_carver *carver, struct trn_block_run *run, int team_size)
{
    const struct trn_block *block = run->block;
    const struct trn_layout *layout = run->layout;
    struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, rows = layout->rows;
    scratch->n = trn_carve(carver, rows * width);
    scratch->dn = trn_carve(carver, rows * width);
    scratch->kept_n = layout->partial ? trn_carve(carver, layout->kept * width) : scratch->n;
    scratch->hidden =
        trn_carve(carver, trn_dense_trained(&block->proj) ? layout->kept * block->fc.out : 0);
    scratch->stats = trn_carve(carver, 2 * rows);
    scratch->attention_stride =
        trn_attention_scratch(layout->longest_kept, layout->longest, width / block->heads);
    scratch->attention = trn_carve(carver, (size_t)team_size * scratch->attention_stride);
    carve_shared(carver, run);
}

static void forward_dense(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, float *y, size_t ldy)
{
    const struct trn_dense_pass pass = {
        .dense = dense, .rows = rows, .x = x, .ldx = dense->in, .y = y, .ldy = ldy};
    trn_dense_forward(team, &pass);
}

/* target = rows of source that leave; the whole of it where all do. */
static void take_kept(const struct trn_layout *layout, const float *source, float *target,
                      size_t width)
{
    if (!layout->partial) {
        memcpy(target, source, layout->rows * width * sizeof *target);
        return;
    }
    for (size_t i = 0; i < layout->kept; i++)
        memcpy(target + i * width, source + layout->kept_rows[i] * width, width * sizeof *target);
}

static struct trn_attention attention_of(const struct trn_block_run *run)
{
    size_t width = run->block->ln_1.width;
    return (struct trn_attention){.sequences = run->layout->sequences,
                                  .query_starts = run->layout->kept_starts,
                                  .key_starts = run->layout->starts,
                                  .visible = run->layout->visible,
                                  .heads = run->block->heads,
                                  .head_dim = width / run->block->heads,
                                  .q = run->state.q,
                                  .kv = run->state.kv};
}

/* x2 = x1 + MHSA(LN1(x1)). */
static void forward_attention(struct m2c_team *team, const struct trn_block_run *run)
{
    const struct trn_block *block = run->block;
    const struct trn_layout *layout = run->layout;
    const struct trn_block_state *state = &run->state;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, rows = layout->rows, kept = layout->kept;
    trn_norm_forward(team, &block->ln_1, rows, state->x1, scratch->n);
    if (layout->partial)
        take_kept(layout, scratch->n, scratch->kept_n, width);
    forward_dense(team, &block->query, kept, scratch->kept_n, state->q, width);
    forward_dense(team, &block->key, rows, scratch->n, state->kv, 2 * width);
    forward_dense(team, &block->value, rows, scratch->n, state->kv + width, 2 * width);
    struct trn_attention attention = attention_of(run);
    trn_attention_forward(team, &attention, state->o, scratch->attention,
                          scratch->attention_stride);
    take_kept(layout, state->x1, state->x2, width);
    const struct trn_dense_pass out = {.dense = &block->out,
                                       .rows = kept,
                                       .x = state->o,
                                       .ldx = width,
                                       .y = state->x2,
                                       .ldy = width,
                                       .store = TRN_ADD};
    trn_dense_forward(team, &out);
}

void trn_block_rest_forward(struct m2c_team *team, const struct trn_block_run *run, float *y)
{
    const struct trn_block *block = run->block;
    const struct trn_block_state *state = &run->state;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_2.width, kept = run->layout->kept, mlp_width = block->fc.out;
    trn_adapter_forward(team, &block->pre_mlp, &run->layout->kept_grid, kept, state->x2, state->x3,
                        &state->pre_mlp, &scratch->pre_mlp);
    trn_norm_forward(team, &block->ln_2, kept, state->x3, scratch->n);
    const struct trn_dense_pass fc = {.dense = &block->fc,
                                      .rows = kept,
                                      .x = scratch->n,
                                      .ldx = width,
                                      .y = state->z,
                                      .ldy = mlp_width,
                                      .bare = true};
    const struct trn_dense_pass proj = {.dense = &block->proj,
                                        .rows = kept,
                                        .x = scratch->wide,
                                        .ldx = mlp_width,
                                        .y = y,
                                        .ldy = width,
                                        .store = TRN_ADD};
    trn_dense_forward(team, &fc);
    if (!y)
        return;
    trn_activation_forward(team, block->activation, kept, mlp_width, state->z, block->fc.bias.value,
                           scratch->wide);
    memcpy(y, state->x3, kept * width * sizeof *y);
    trn_dense_forward(team, &proj);
}

void trn_block_forward(struct m2c_team *team, struct trn_block_run *run, const float *x, float *y)
{
    const struct trn_block *block = run->block;
    struct trn_block_state *state = &run->state;
    state->x = x;
    state->x1 = state->own_x1 ? state->own_x1 : x;
    trn_adapter_forward(team, &block->pre_attn, &run->layout->grid, run->layout->rows, x,
                        state->own_x1, &state->pre_attn, &run->scratch.pre_attn);
    forward_attention(team, run);
    trn_block_rest_forward(team, run, y);
}

/* dy, the gradient of the MLP's sum, becomes that of its input x3. */
static void backward_mlp(struct m2c_team *team, const struct trn_block_run *run, float *dy)
{
    const struct trn_block *block = run->block;
    const struct trn_block_state *state = &run->state;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_2.width, kept = run->layout->kept, mlp_width = block->fc.out;
    const float *bias = block->fc.bias.value;
    if (trn_dense_trained(&block->proj)) {
        trn_activation_forward(team, block->activation, kept, mlp_width, state->z, bias,
                               scratch->hidden);
        trn_dense_to_weights(team, &block->proj, kept, scratch->hidden, mlp_width, dy, width);
    }
    trn_dense_to_input(team, &block->proj, kept, dy, width, scratch->wide, mlp_width, TRN_STORE);
    trn_activation_backward(team, block->activation, kept, mlp_width, state->z, bias,
                            scratch->wide);
    if (trn_dense_trained(&block->fc)) {
        trn_norm_forward(team, &block->ln_2, kept, state->x3, scratch->n);
        trn_dense_to_weights(team, &block->fc, kept, scratch->n, width, scratch->wide, mlp_width);
    }
    trn_dense_to_input(team, &block->fc, kept, scratch->wide, mlp_width, scratch->dn, width,
                       TRN_STORE);
    trn_norm_backward(team, &block->ln_2, kept, state->x3, scratch->dn, dy, scratch->stats);
}

void trn_block_rest_backward(struct m2c_team *team, const struct trn_block_run *run, float *dy,
                             bool to_input)
{
    backward_mlp(team, run, dy);
    trn_adapter_backward(team, &run->block->pre_mlp, &run->layout->kept_grid, run->layout->kept,
                         run->state.x2, &run->state.pre_mlp, dy, to_input, &run->scratch.pre_mlp);
}

/* Gradients of the four projections' weights, where they are trained. */
static void projections_to_weights(struct m2c_team *team, const struct trn_block_run *run,
                                   const float *dq, const float *dkv)
{
    const struct trn_block *block = run->block;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, rows = run->layout->rows;
    if (!trn_dense_trained(&block->query) && !trn_dense_trained(&block->key) &&
        !trn_dense_trained(&block->value))
        return;
    trn_norm_forward(team, &block->ln_1, rows, run->state.x1, scratch->n);
    if (run->layout->partial)
        take_kept(run->layout, scratch->n, scratch->kept_n, width);
    trn_dense_to_weights(team, &block->query, run->layout->kept, scratch->kept_n, width, dq, width);
    trn_dense_to_weights(team, &block->key, rows, scratch->n, width, dkv, 2 * width);
    trn_dense_to_weights(team, &block->value, rows, scratch->n, width, dkv + width, 2 * width);
}

/* dn = dk Wk + dv Wv + dq Wq, the gradient of LN1(x1). */
static void projections_to_input(struct m2c_team *team, const struct trn_block_run *run,
                                 const float *dq, const float *dkv)
{
    const struct trn_block *block = run->block;
    const struct trn_layout *layout = run->layout;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, rows = layout->rows;
    float *dn = scratch->dn;
    trn_dense_to_input(team, &block->key, rows, dkv, 2 * width, dn, width, TRN_STORE);
    trn_dense_to_input(team, &block->value, rows, dkv + width, 2 * width, dn, width, TRN_ADD);
    if (!layout->partial) {
        trn_dense_to_input(team, &block->query, rows, dq, width, dn, width, TRN_ADD);
        return;
    }
    trn_dense_to_input(team, &block->query, layout->kept, dq, width, scratch->kept_n, width,
                       TRN_STORE);
    for (size_t i = 0; i < layout->kept; i++) {
        float *row = dn + layout->kept_rows[i] * width;
        for (size_t c = 0; c < width; c++)
            row[c] += scratch->kept_n[i * width + c];
    }
}

/* dx [rows, C] = dy [kept, C] on the rows that leave, 0 on the others. */
static void spread_kept(const struct trn_layout *layout, const float *dy, float *dx, size_t width)
{
    if (!layout->partial) {
        if (dx != dy)
            memcpy(dx, dy, layout->rows * width * sizeof *dx);
        return;
    }
    memset(dx, 0, layout->rows * width * sizeof *dx);
    for (size_t i = 0; i < layout->kept; i++)
        memcpy(dx + layout->kept_rows[i] * width, dy + i * width, width * sizeof *dx);
}

/* From dy [kept, C], the gradient of x2, to dx, that of x1. */
static void backward_attention(struct m2c_team *team, const struct trn_block_run *run,
                               const float *dy, float *dx)
{
    const struct trn_block *block = run->block;
    const struct trn_layout *layout = run->layout;
    const struct trn_block_scratch *scratch = &run->scratch;
    size_t width = block->ln_1.width, kept = layout->kept;
    float *dq = scratch->wide, *dkv = dq + kept * width;
    struct trn_attention attention = attention_of(run);
    trn_dense_to_weights(team, &block->out, kept, run->state.o, width, dy, width);
    trn_dense_to_input(team, &block->out, kept, dy, width, scratch->dn, width, TRN_STORE);
    trn_attention_backward(team, &attention, scratch->dn, dq, dkv, scratch->attention,
                           scratch->attention_stride);
    projections_to_weights(team, run, dq, dkv);
    projections_to_input(team, run, dq, dkv);
    spread_kept(layout, dy, dx, width);
    trn_norm_backward(team, &block->ln_1, layout->rows, run->state.x1, scratch->dn, dx,
                      scratch->stats);
}

static bool attention_trained(const struct trn_block *block)
{
    return trn_norm_trained(&block->ln_1) || trn_dense_trained(&block->query) ||
           trn_dense_trained(&block->key) || trn_dense_trained(&block->value) ||
           trn_dense_trained(&block->out);
}

bool trn_block_trained(const struct trn_block *block)
{
    return attention_trained(block) || trn_norm_trained(&block->ln_2) ||
           trn_dense_trained(&block->fc) || trn_dense_trained(&block->proj) ||
           trn_adapter_trained(&block->pre_attn) || trn_adapter_trained(&block->pre_mlp);
}

void trn_block_backward(struct m2c_team *team, const struct trn_block_run *run, float *dy,
                        float *dx, bool to_input)
{
    const struct trn_block *block = run->block;
    bool reaches_attention =
        to_input || attention_trained(block) || trn_adapter_trained(&block->pre_attn);
    trn_block_rest_backward(team, run, dy, reaches_attention);
    if (!reaches_attention)
        return;
    backward_attention(team, run, dy, dx);
    trn_adapter_backward(team, &block->pre_attn, &run->layout->grid, run->layout->rows,
                         run->state.x, &run->state.pre_attn, dx, to_input, &run->scratch.pre_attn);
}
