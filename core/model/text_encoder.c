#include "model/text_encoder.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "model/block.h"

struct cursor {
    const struct m2c_text_pass *pass;
    const struct m2c_member_scratch *scratch;
    int member, size;
};

size_t m2c_text_arena_bytes(const struct m2c_config *config, size_t frames)
{
    size_t width = (size_t)config->text.width;
    size_t rows = M2C_TEXT_BATCH_ROWS;
    return 6 * m2c_arena_floats_bytes(rows * width) + m2c_arena_floats_bytes(rows * 2 * width) +
           m2c_arena_floats_bytes(frames * 2 * width);
}

static void cut_arena(struct m2c_text_pass *pass)
{
    struct m2c_arena *arena = &pass->encoder->arena;
    size_t floats = M2C_TEXT_BATCH_ROWS * pass->width;
    m2c_arena_reset(arena);
    pass->x = m2c_arena_floats(arena, floats);
    pass->n = m2c_arena_floats(arena, floats);
    pass->q = m2c_arena_floats(arena, floats);
    pass->kv = m2c_arena_floats(arena, 2 * floats);
    pass->wanted_x = m2c_arena_floats(arena, floats);
    pass->wanted_n = m2c_arena_floats(arena, floats);
    pass->wanted_q = m2c_arena_floats(arena, floats);
    pass->frame_kv = m2c_arena_floats(arena, (size_t)pass->encoder->max_frames * 2 * pass->width);
}

static struct m2c_range share(const struct cursor *cursor, size_t count)
{
    return m2c_team_share(count, 1, cursor->member, cursor->size);
}

static void meet(const struct cursor *cursor)
{
    m2c_team_barrier(cursor->pass->encoder->team);
}

/* x = token embedding + position embedding. */
static void embed(const struct m2c_text_pass *pass, struct m2c_range rows)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t width = pass->width;
    for (size_t row = rows.begin; row < rows.end; row++) {
        float *x = pass->x + row * width;
        size_t position = (size_t)pass->tree->position[row];
        m2c_tensor_to_f32(pass->base->tokens, (size_t)pass->tree->token[row] * width, width, x);
        kernels->bias(x, width, pass->base->text_positions + position * width, 1, width);
    }
}

/* out [Ct] = causal attention of one row: its keys are the rows on the way to the root. */
static void attend(const struct cursor *cursor, size_t heads, int32_t row, const float *q,
                   float *out)
{
    const struct m2c_text_pass *pass = cursor->pass;
    const struct m2c_member_scratch *scratch = cursor->scratch;
    size_t width = pass->width;
    size_t head_dim = width / heads;
    size_t keys = (size_t)pass->tree->position[row] + 1;
    for (size_t head = 0; head < heads; head++) {
        size_t i = keys;
        for (int32_t node = row; node >= 0; node = pass->tree->parent[node]) {
            const float *kv = pass->kv + (size_t)node * 2 * width + head * head_dim;
            scratch->keys[--i] = kv;
            scratch->values[i] = kv + width;
        }
        m2c_attention_gather(q + head * head_dim, scratch->keys, scratch->values, keys, head_dim,
                             out + head * head_dim, scratch->scores);
    }
}

static void full_block(const struct cursor *cursor, size_t layer)
{
    const struct m2c_text_pass *pass = cursor->pass;
    const struct m2c_block *block = &pass->base->text[layer];
    size_t width = pass->width;
    struct m2c_range rows = share(cursor, pass->tree->rows);
    const struct m2c_member_scratch *scratch = cursor->scratch;
    m2c_text_adapter_apply(pass->adapters->text_pre_attn[layer], rows, pass->x, scratch);
    m2c_block_project(block, rows, pass->x, pass->n, pass->q, pass->kv, scratch);
    meet(cursor);
    for (size_t row = rows.begin; row < rows.end; row++)
        attend(cursor, (size_t)block->heads, (int32_t)row, pass->q + row * width,
               pass->n + row * width);
    m2c_block_merge(block, rows, pass->n, pass->x, scratch);
    m2c_text_adapter_apply(pass->adapters->text_pre_mlp[layer], rows, pass->x, scratch);
    m2c_block_mlp(block, rows, pass->x, pass->n, scratch);
    /* The next block's keys overwrite those that slower members still read. */
    meet(cursor);
}

/* The last block: keys and values of all rows, everything else for the wanted rows alone. */
static void last_block(const struct cursor *cursor, size_t layer)
{
    const struct m2c_text_pass *pass = cursor->pass;
    const struct m2c_block *block = &pass->base->text[layer];
    size_t width = pass->width;
    struct m2c_range rows = share(cursor, pass->tree->rows);
    struct m2c_range wanted = share(cursor, pass->wanted_count);
    const struct m2c_member_scratch *scratch = cursor->scratch;
    m2c_text_adapter_apply(pass->adapters->text_pre_attn[layer], rows, pass->x, scratch);
    m2c_block_project(block, rows, pass->x, pass->n, NULL, pass->kv, scratch);
    meet(cursor);
    for (size_t i = wanted.begin; i < wanted.end; i++) {
        size_t row = (size_t)pass->wanted[i];
        memcpy(pass->wanted_x + i * width, pass->x + row * width, width * sizeof(float));
        memcpy(pass->wanted_n + i * width, pass->n + row * width, width * sizeof(float));
    }
    m2c_linear_apply(block->query, wanted.end - wanted.begin, pass->wanted_n + wanted.begin * width,
                     width, pass->wanted_q + wanted.begin * width, width, M2C_EPILOGUE_STORE,
                     scratch->linear);
    for (size_t i = wanted.begin; i < wanted.end; i++)
        attend(cursor, (size_t)block->heads, pass->wanted[i], pass->wanted_q + i * width,
               pass->wanted_n + i * width);
    m2c_block_merge(block, wanted, pass->wanted_n, pass->wanted_x, scratch);
    m2c_text_adapter_apply(pass->adapters->text_pre_mlp[layer], wanted, pass->wanted_x, scratch);
    m2c_block_mlp(block, wanted, pass->wanted_x, pass->wanted_n, scratch);
}

static void tap_block(const struct cursor *cursor, size_t layer)
{
    const struct m2c_text_pass *pass = cursor->pass;
    char name[48];
    if (cursor->member == 0) {
        (void)snprintf(name, sizeof name, "text.block.%zu", layer);
        pass->request->tap(pass->request->tap_argument, name, pass->x, pass->tree->rows,
                           pass->width);
    }
    meet(cursor);
}

static void text_member(void *argument, int member, int size)
{
    struct m2c_text_pass *pass = argument;
    struct cursor cursor = {
        .pass = pass, .scratch = &pass->encoder->members[member], .member = member, .size = size};
    size_t layers = (size_t)pass->base->config.text.layers;
    embed(pass, share(&cursor, pass->tree->rows));
    for (size_t layer = 0; layer < layers; layer++) {
        if (layer + 1 == layers && pass->wanted)
            last_block(&cursor, layer);
        else
            full_block(&cursor, layer);
        if (pass->request && pass->request->tap)
            tap_block(&cursor, layer);
    }
}

void m2c_text_pass_run(struct m2c_text_pass *pass)
{
    assert(pass->tree->rows <= M2C_TEXT_BATCH_ROWS);
    assert(pass->wanted_count <= M2C_TEXT_BATCH_ROWS);
    pass->width = (size_t)pass->base->config.text.width;
    cut_arena(pass);
    m2c_team_run(pass->encoder->team, text_member, pass);
}

/* Tap rows of a tree, spread to the texts' tokens one after the other. */
struct tap_spread {
    const struct m2c_text_request *request;
    const struct m2c_text_tree *tree;
    const struct m2c_text_batch *batch;
    float *rows; /* [sum of counts, Ct] */
    size_t count;
};

static void spread_tap(void *argument, const char *name, const float *x, size_t rows, size_t width)
{
    const struct tap_spread *spread = argument;
    const struct m2c_text_batch *batch = spread->batch;
    (void)rows;
    for (size_t i = 0; i < batch->texts; i++) {
        size_t text = batch->order[i];
        int32_t row = spread->tree->last_row[i];
        for (; row >= 0; row = spread->tree->parent[row])
            memcpy(spread->rows +
                       (batch->offsets[text] + (size_t)spread->tree->position[row]) * width,
                   x + (size_t)row * width, width * sizeof(float));
    }
    spread->request->tap(spread->request->tap_argument, name, spread->rows, spread->count, width);
}

/* The row whose id is the highest (the first such): the end token's. */
static int32_t representation_row(const struct m2c_text_tree *tree, int32_t last_row)
{
    int32_t best = last_row;
    for (int32_t row = last_row; row >= 0; row = tree->parent[row]) {
        if (tree->token[row] >= tree->token[best])
            best = row;
    }
    return best;
}

/* text = text_projection ln_final(state) of the batch's rows, to each text's place. */
static void project_texts(struct m2c_text_pass *pass, const struct m2c_text_batch *batch,
                          size_t first, float *text)
{
    const struct m2c_base *base = pass->base;
    size_t dim = (size_t)base->config.embed_dim;
    struct m2c_range rows = {.begin = 0, .end = pass->tree->texts};
    float *projected = pass->encoder->members[0].hidden;
    m2c_norm_rows(&base->ln_final, rows, pass->wanted_x, pass->wanted_n);
    for (size_t i = 0;; i++) {
        struct m2c_range chunk = m2c_chunk(rows, i);
        if (chunk.begin == chunk.end)
            return;
        m2c_linear_apply(base->text_projection, chunk.end - chunk.begin,
                         pass->wanted_n + chunk.begin * pass->width, pass->width, projected, dim,
                         M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
        for (size_t row = chunk.begin; row < chunk.end; row++)
            memcpy(text + batch->order[first + row] * dim, projected + (row - chunk.begin) * dim,
                   dim * sizeof *text);
    }
}

/* Every row of every text, for taps; the states then come from x. */
static enum m2c_status run_with_taps(struct m2c_text_pass *pass, const struct m2c_text_batch *batch,
                                     const struct m2c_text_request *request, struct m2c_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < batch->texts; i++)
        count += (size_t)batch->counts[i];
    size_t width = (size_t)pass->base->config.text.width;
    struct tap_spread spread = {.request = request, .tree = pass->tree, .batch = batch};
    struct m2c_text_request inner = {.tap = spread_tap, .tap_argument = &spread};
    spread.rows = calloc(count, width * sizeof(float));
    if (!spread.rows)
        return m2c_fail_memory(err, "text taps", count * width * sizeof(float));
    spread.count = count;
    pass->request = &inner;
    pass->wanted = NULL;
    m2c_text_pass_run(pass);
    for (size_t i = 0; i < pass->wanted_count; i++)
        memcpy(pass->wanted_x + i * width, pass->x + (size_t)pass->encoder->wanted[i] * width,
               width * sizeof(float));
    free(spread.rows);
    return M2C_OK;
}

static enum m2c_status encode_batches(struct m2c_text_pass *pass,
                                      const struct m2c_text_batch *batch,
                                      const struct m2c_text_request *request, struct m2c_error *err)
{
    struct m2c_encoder *encoder = pass->encoder;
    for (size_t first = 0; first < batch->texts;) {
        size_t taken = m2c_text_tree_build(&encoder->tree, batch, first);
        for (size_t i = 0; i < taken; i++)
            encoder->wanted[i] = representation_row(&encoder->tree, encoder->tree.last_row[i]);
        pass->wanted = encoder->wanted;
        pass->wanted_count = taken;
        assert(taken > 0);
        if (!request->tap)
            m2c_text_pass_run(pass);
        else if (taken < batch->texts)
            return m2c_fail(err, M2C_INVALID_REQUEST, "taps are written for %d text rows at most",
                            M2C_TEXT_BATCH_ROWS);
        else if (run_with_taps(pass, batch, request, err) != M2C_OK)
            return err->status;
        project_texts(pass, batch, first, request->text);
        first += taken;
    }
    return M2C_OK;
}

enum m2c_status m2c_encode_text(struct m2c_encoder *encoder, const struct m2c_set *set,
                                const struct m2c_text_request *request, struct m2c_error *err)
{
    struct m2c_text_batch batch;
    struct m2c_text_pass pass = {.encoder = encoder,
                                 .base = encoder->base,
                                 .adapters = m2c_set_adapters(set),
                                 .tree = &encoder->tree};
    enum m2c_status status =
        m2c_text_batch_init(&batch, request->ids, request->counts, (size_t)request->texts, err);
    if (status != M2C_OK)
        return status;
    status = encode_batches(&pass, &batch, request, err);
    m2c_text_batch_destroy(&batch);
    return status;
}
