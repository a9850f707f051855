/* The video encoder: frames -> blocks with TED-Adapters -> class tokens -> heads.
 *
 * One function runs on every member of the team; rows are shared out, and members meet only where a
 * row needs rows of others: before attention, after it, and inside a TED-Adapter. Between two
 * meetings lies a phase: whoever takes rows does all of the phase for them while they are in cache,
 * across the border of a block too. The last block runs for class tokens alone, unless taps ask for
 * every row.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "kernels/attention.h"
#include "kernels/kernels.h"
#include "model/block.h"
#include "model/encoder.h"
#include "model/ted_adapter.h"
#include "runtime/clock.h"

struct vision_pass {
    struct m2c_encoder *encoder;
    const struct m2c_base *base;
    const struct m2c_adapters *adapters;
    const struct m2c_video_request *request;
    size_t frames;                      /* F = B T */
    size_t width;                       /* C */
    struct m2c_frame_grid grid;         /* T, L, patches a side */
    float *x, *n, *q, *kv, *h[2];       /* [R, C] each, kv [R, 2C], h [R, 2Ca] */
    float *class_x, *class_n, *class_q; /* [F, C] */
    float *features, *frame_hidden;     /* [F, E], [2F, A] */
    bool cancelled; /* written by member 0 before a barrier, read by all after it */
};

/* One member's place in the pass. */
struct cursor {
    struct vision_pass *pass;
    const struct m2c_member_scratch *scratch;
    int member, size;
    unsigned phase;
};

/* Where hidden rows of adapters lie: the two places in a block take turns, so that going down in
 * the next never overwrites what a slower member still reads. */
enum { BEFORE_ATTENTION, BEFORE_MLP };

enum {
    /* Rows are taken by groups, the rows that a product's kernel sums at once, and about as many as
     * it reads its weights once for: little enough to lose little when a member is held up. */
    GROUP_ROWS = 8,
    PIECE_GROUPS = 26,
    PIECE_HEADS = 8,
};

size_t m2c_vision_arena_bytes(const struct m2c_config *config,
                              const struct m2c_hidden_widths *widths, size_t frames)
{
    size_t width = (size_t)config->vision.width;
    size_t rows = frames * m2c_config_tokens(config);
    return 3 * m2c_arena_floats_bytes(rows * width) + m2c_arena_floats_bytes(rows * 2 * width) +
           2 * m2c_arena_floats_bytes(rows * widths->ted) +
           3 * m2c_arena_floats_bytes(frames * width) +
           m2c_arena_floats_bytes(frames * (size_t)config->embed_dim) +
           m2c_arena_floats_bytes(2 * frames * widths->frame);
}

static void cut_arena(struct vision_pass *pass)
{
    struct m2c_arena *arena = &pass->encoder->arena;
    struct m2c_hidden_widths widths = m2c_model_hidden_widths(pass->encoder->model);
    size_t rows = pass->frames * pass->grid.tokens;
    size_t class_floats = pass->frames * pass->width;
    m2c_arena_reset(arena);
    pass->x = m2c_arena_floats(arena, rows * pass->width);
    pass->n = m2c_arena_floats(arena, rows * pass->width);
    pass->q = m2c_arena_floats(arena, rows * pass->width);
    pass->kv = m2c_arena_floats(arena, rows * 2 * pass->width);
    pass->h[0] = m2c_arena_floats(arena, rows * widths.ted);
    pass->h[1] = m2c_arena_floats(arena, rows * widths.ted);
    pass->class_x = m2c_arena_floats(arena, class_floats);
    pass->class_n = m2c_arena_floats(arena, class_floats);
    pass->class_q = m2c_arena_floats(arena, class_floats);
    pass->features = m2c_arena_floats(arena, pass->frames * (size_t)pass->base->config.embed_dim);
    pass->frame_hidden = m2c_arena_floats(arena, 2 * pass->frames * widths.frame);
}

static struct m2c_range share(const struct cursor *cursor, size_t count)
{
    return m2c_team_share(count, 1, cursor->member, cursor->size);
}

/* Books the time since the last mark to `stage`. */
static void mark(const struct cursor *cursor, enum m2c_stage stage)
{
    struct m2c_profile *profile = cursor->pass->encoder->profile;
    if (!profile || cursor->member != 0)
        return;
    double now_ms = m2c_clock_ms();
    profile->ms[stage] += now_ms - profile->mark_ms;
    profile->mark_ms = now_ms;
}

/* Ends a phase; the next has `count` items to take. */
static void meet(struct cursor *cursor, size_t count)
{
    struct m2c_encoder *encoder = cursor->pass->encoder;
    m2c_shares_deal(encoder->shares, cursor->phase, cursor->member, count);
    m2c_team_barrier(encoder->team);
    cursor->phase++;
}

static size_t row_groups(const struct vision_pass *pass)
{
    return (pass->frames * pass->grid.tokens + GROUP_ROWS - 1) / GROUP_ROWS;
}

static bool take_rows(const struct cursor *cursor, struct m2c_range *rows)
{
    const struct vision_pass *pass = cursor->pass;
    size_t count = pass->frames * pass->grid.tokens;
    struct m2c_range groups;
    if (!m2c_shares_take(pass->encoder->shares, cursor->phase, cursor->member, PIECE_GROUPS,
                         &groups))
        return false;
    rows->begin = groups.begin * GROUP_ROWS;
    rows->end = groups.end * GROUP_ROWS < count ? groups.end * GROUP_ROWS : count;
    return true;
}

/* Copies patch `patch` of a frame into a row [3, p, p], the order of the convolution's weights. */
static void gather_patch(const struct m2c_image *image, size_t patch, size_t grid, size_t patch_px,
                         float *row)
{
    size_t top = patch / grid * patch_px;
    size_t left = patch % grid * patch_px;
    for (size_t plane = 0; plane < 3; plane++) {
        const float *source = image->data + plane * image->plane_stride + left;
        for (size_t y = 0; y < patch_px; y++) {
            memcpy(row, source + (top + y) * image->row_stride, patch_px * sizeof *row);
            row += patch_px;
        }
    }
}

/* x = ln_pre([class token | patches W] + positions). A class token's row of patches is zero, so
 * that a member's rows are one product. */
static void embed_rows(const struct cursor *cursor, struct m2c_range rows)
{
    const struct vision_pass *pass = cursor->pass;
    const struct m2c_base *base = pass->base;
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t patch_px = (size_t)base->config.patch_px;
    size_t values = 3 * patch_px * patch_px;
    size_t width = pass->width;
    float *patches = cursor->scratch->hidden;
    for (size_t row = rows.begin; row < rows.end; row++) {
        float *target = patches + (row - rows.begin) * values;
        size_t token = row % pass->grid.tokens;
        if (token == 0)
            memset(target, 0, values * sizeof *target);
        else
            gather_patch(&pass->request->images[row / pass->grid.tokens], token - 1,
                         pass->grid.grid, patch_px, target);
    }
    m2c_linear_apply(base->patch, rows.end - rows.begin, patches, values,
                     pass->x + rows.begin * width, width, M2C_EPILOGUE_STORE,
                     cursor->scratch->linear);
    for (size_t row = rows.begin; row < rows.end; row++) {
        size_t token = row % pass->grid.tokens;
        float *x = pass->x + row * width;
        kernels->bias(x, width, base->vision_positions + token * width, 1, width);
        if (token == 0)
            kernels->bias(x, width, base->class_embedding, 1, width);
    }
    m2c_norm_rows(&base->ln_pre, rows, pass->x, pass->x);
}

/* Attention of frame `frame`, head `head`: `queries` rows of q at stride ldq. */
static void attend(const struct cursor *cursor, const struct m2c_block *block, size_t frame,
                   size_t head, const float *q, size_t ldq, size_t queries, float *out)
{
    const struct vision_pass *pass = cursor->pass;
    size_t width = pass->width;
    size_t head_dim = width / (size_t)block->heads;
    const float *keys = pass->kv + frame * pass->grid.tokens * 2 * width + head * head_dim;
    struct m2c_attention attention = {.q = q + head * head_dim,
                                      .ldq = ldq,
                                      .k = keys,
                                      .v = keys + width,
                                      .ldkv = 2 * width,
                                      .out = out + head * head_dim,
                                      .ldo = width,
                                      .queries = queries,
                                      .keys = pass->grid.tokens,
                                      .head_dim = head_dim,
                                      .bf16 = m2c_model_precision(pass->encoder->model) !=
                                              M2C_PRECISION_F32};
    m2c_attention_run(&attention, cursor->scratch->scores);
}

/* Member 0 looks at the flag before a barrier, so that all members see one answer after it. */
static bool meet_or_cancel(struct cursor *cursor, size_t count)
{
    struct vision_pass *pass = cursor->pass;
    if (cursor->member == 0 && pass->request->cancel)
        pass->cancelled = atomic_load_explicit(pass->request->cancel, memory_order_relaxed);
    meet(cursor, count);
    return pass->cancelled;
}

static bool is_pruned(const struct vision_pass *pass, size_t layer)
{
    return layer + 1 == (size_t)pass->base->config.vision.layers && !pass->request->tap;
}

static void project(const struct cursor *cursor, size_t layer, struct m2c_range rows)
{
    const struct vision_pass *pass = cursor->pass;
    m2c_block_project(&pass->base->vision[layer], rows, pass->x, pass->n,
                      is_pruned(pass, layer) ? NULL : pass->q, pass->kv, cursor->scratch);
    mark(cursor, M2C_STAGE_PROJECT);
}

/* What a block does with a row before it needs any other: the first half of its adapter, or keys,
 * values and queries. Part of the phase before the block. */
static void open_block(const struct cursor *cursor, size_t layer, struct m2c_range rows)
{
    const struct vision_pass *pass = cursor->pass;
    const struct m2c_ted_adapter *adapter = pass->adapters->vision_pre_attn[layer];
    if (!adapter) {
        project(cursor, layer, rows);
        return;
    }
    m2c_ted_down(adapter, rows, pass->x, pass->h[BEFORE_ATTENTION], cursor->scratch);
    mark(cursor, M2C_STAGE_TED);
}

/* The second half of the adapter that open_block began, then keys, values and queries. */
static void finish_opening(struct cursor *cursor, size_t layer)
{
    const struct vision_pass *pass = cursor->pass;
    const struct m2c_ted_adapter *adapter = pass->adapters->vision_pre_attn[layer];
    struct m2c_range rows;
    if (!adapter)
        return;
    meet(cursor, row_groups(pass));
    while (take_rows(cursor, &rows)) {
        m2c_ted_up(adapter, &pass->grid, rows, pass->h[BEFORE_ATTENTION], pass->x, cursor->scratch);
        mark(cursor, M2C_STAGE_TED);
        project(cursor, layer, rows);
    }
}

static void attend_all(const struct cursor *cursor, size_t layer)
{
    const struct vision_pass *pass = cursor->pass;
    const struct m2c_block *block = &pass->base->vision[layer];
    size_t heads = (size_t)block->heads;
    size_t frame_floats = pass->grid.tokens * pass->width;
    struct m2c_range items;
    while (m2c_shares_take(pass->encoder->shares, cursor->phase, cursor->member, PIECE_HEADS,
                           &items)) {
        for (size_t item = items.begin; item < items.end; item++) {
            size_t frame = item / heads;
            attend(cursor, block, frame, item % heads, pass->q + frame * frame_floats, pass->width,
                   pass->grid.tokens, pass->n + frame * frame_floats);
        }
    }
    mark(cursor, M2C_STAGE_ATTENTION);
}

/* MLP, and what the next block does with the row first. */
static void close_block(const struct cursor *cursor, size_t layer, struct m2c_range rows)
{
    const struct vision_pass *pass = cursor->pass;
    m2c_block_mlp(&pass->base->vision[layer], rows, pass->x, pass->n, cursor->scratch);
    mark(cursor, M2C_STAGE_MLP);
    if (layer + 1 < (size_t)pass->base->config.vision.layers)
        open_block(cursor, layer + 1, rows);
}

/* A block with every row, opened already; false when cancelled. */
static bool full_block(struct cursor *cursor, size_t layer)
{
    struct vision_pass *pass = cursor->pass;
    const struct m2c_block *block = &pass->base->vision[layer];
    const struct m2c_ted_adapter *adapter = pass->adapters->vision_pre_mlp[layer];
    struct m2c_range rows;
    finish_opening(cursor, layer);
    if (meet_or_cancel(cursor, pass->frames * (size_t)block->heads))
        return false;
    attend_all(cursor, layer);
    meet(cursor, row_groups(pass));
    while (take_rows(cursor, &rows)) {
        m2c_block_merge(block, rows, pass->n, pass->x, cursor->scratch);
        mark(cursor, M2C_STAGE_MERGE);
        if (adapter)
            m2c_ted_down(adapter, rows, pass->x, pass->h[BEFORE_MLP], cursor->scratch);
        else
            close_block(cursor, layer, rows);
        mark(cursor, M2C_STAGE_TED);
    }
    if (!adapter)
        return true;
    meet(cursor, row_groups(pass));
    while (take_rows(cursor, &rows)) {
        m2c_ted_up(adapter, &pass->grid, rows, pass->h[BEFORE_MLP], pass->x, cursor->scratch);
        mark(cursor, M2C_STAGE_TED);
        close_block(cursor, layer, rows);
    }
    return true;
}

static void take_class_rows(const struct vision_pass *pass, struct m2c_range frames,
                            const float *source, float *target)
{
    for (size_t frame = frames.begin; frame < frames.end; frame++)
        memcpy(target + frame * pass->width, source + frame * pass->grid.tokens * pass->width,
               pass->width * sizeof *target);
}

/* An adapter on class tokens, which lie alone in time. */
static void adapt_class_rows(struct cursor *cursor, const struct m2c_ted_adapter *adapter,
                             struct m2c_range frames)
{
    const struct vision_pass *pass = cursor->pass;
    const struct m2c_frame_grid class_grid = {.frames = pass->grid.frames, .tokens = 1};
    if (!adapter)
        return;
    m2c_ted_down(adapter, frames, pass->class_x, pass->h[BEFORE_MLP], cursor->scratch);
    meet(cursor, 0);
    m2c_ted_up(adapter, &class_grid, frames, pass->h[BEFORE_MLP], pass->class_x, cursor->scratch);
}

/* The last block, opened already: keys and values of all rows, everything else for class tokens
 * alone. Leaves them in class_x; false when cancelled. */
static bool last_block(struct cursor *cursor, size_t layer)
{
    struct vision_pass *pass = cursor->pass;
    const struct m2c_block *block = &pass->base->vision[layer];
    size_t width = pass->width;
    struct m2c_range frames = share(cursor, pass->frames);
    finish_opening(cursor, layer);
    if (meet_or_cancel(cursor, 0))
        return false;
    take_class_rows(pass, frames, pass->x, pass->class_x);
    take_class_rows(pass, frames, pass->n, pass->class_n);
    m2c_linear_apply(block->query, frames.end - frames.begin, pass->class_n + frames.begin * width,
                     width, pass->class_q + frames.begin * width, width, M2C_EPILOGUE_STORE,
                     cursor->scratch->linear);
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        for (size_t head = 0; head < (size_t)block->heads; head++)
            attend(cursor, block, frame, head, pass->class_q + frame * width, width, 1,
                   pass->class_n + frame * width);
    }
    m2c_block_merge(block, frames, pass->class_n, pass->class_x, cursor->scratch);
    adapt_class_rows(cursor, pass->adapters->vision_pre_mlp[layer], frames);
    m2c_block_mlp(block, frames, pass->class_x, pass->class_n, cursor->scratch);
    mark(cursor, M2C_STAGE_LAST_BLOCK);
    return true;
}

/* Shows x, which the next block's opening has only read. */
static void tap_block(struct cursor *cursor, size_t layer)
{
    const struct vision_pass *pass = cursor->pass;
    char name[48];
    meet(cursor, 0);
    if (cursor->member == 0) {
        (void)snprintf(name, sizeof name, "visual.block.%zu", layer);
        pass->request->tap(pass->request->tap_argument, name, pass->x,
                           pass->frames * pass->grid.tokens, pass->width);
    }
    meet(cursor, 0);
}

static void vision_member(void *argument, int member, int size)
{
    struct vision_pass *pass = argument;
    struct cursor cursor = {
        .pass = pass, .scratch = &pass->encoder->members[member], .member = member, .size = size};
    size_t layers = (size_t)pass->base->config.vision.layers;
    bool every_row = pass->request->tap != NULL;
    struct m2c_range rows;
    if (member == 0 && pass->encoder->profile)
        pass->encoder->profile->mark_ms = m2c_clock_ms();
    while (take_rows(&cursor, &rows)) {
        embed_rows(&cursor, rows);
        mark(&cursor, M2C_STAGE_EMBED);
        open_block(&cursor, 0, rows);
    }
    for (size_t layer = 0; layer < layers; layer++) {
        if (!(is_pruned(pass, layer) ? last_block(&cursor, layer) : full_block(&cursor, layer)))
            return;
        if (every_row)
            tap_block(&cursor, layer);
    }
    if (every_row)
        take_class_rows(pass, share(&cursor, pass->frames), pass->x, pass->class_x);
}

/* mean[b] = the mean over T rows of x [B, T, width]. */
static void mean_over_frames(const float *x, size_t clips, size_t frames, size_t width, float *mean)
{
    for (size_t b = 0; b < clips; b++) {
        float *target = mean + b * width;
        memset(target, 0, width * sizeof *target);
        for (size_t t = 0; t < frames; t++) {
            const float *row = x + (b * frames + t) * width;
            for (size_t c = 0; c < width; c++)
                target[c] += row[c];
        }
        for (size_t c = 0; c < width; c++)
            target[c] /= (float)frames;
    }
}

/* f_t = proj ln_post(class token), then the t_adapter; video = mean_t f_t. */
static void frame_features(const struct vision_pass *pass)
{
    const struct m2c_video_request *request = pass->request;
    const struct m2c_base *base = pass->base;
    size_t dim = (size_t)base->config.embed_dim;
    struct m2c_range frames = {.begin = 0, .end = pass->frames};
    float *features = request->frame_features ? request->frame_features : pass->features;
    m2c_norm_rows(&base->ln_post, frames, pass->class_x, pass->class_n);
    m2c_linear_apply(base->vision_projection, pass->frames, pass->class_n, pass->width, features,
                     dim, M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
    if (pass->adapters->frame)
        m2c_frame_adapter_apply(pass->adapters->frame, (size_t)request->clips,
                                (size_t)request->frames, features, pass->frame_hidden,
                                &pass->encoder->members[0]);
    if (request->video)
        mean_over_frames(features, (size_t)request->clips, (size_t)request->frames, dim,
                         request->video);
}

/* VC logits = fc(ln_post(mean_t class token)): the mean first, then the norm. */
static void vc_logits(const struct vision_pass *pass)
{
    const struct m2c_video_request *request = pass->request;
    const struct m2c_linear *vc = pass->adapters->vc;
    struct m2c_range clips = {.begin = 0, .end = (size_t)request->clips};
    mean_over_frames(pass->class_x, clips.end, (size_t)request->frames, pass->width, pass->class_n);
    m2c_norm_rows(&pass->base->ln_post, clips, pass->class_n, pass->class_n);
    m2c_linear_apply(vc, clips.end, pass->class_n, pass->width, request->vc_logits,
                     m2c_linear_out(vc), M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
}

enum m2c_status m2c_encode_video(struct m2c_encoder *encoder, const struct m2c_set *set,
                                 const struct m2c_video_request *request)
{
    const struct m2c_base *base = encoder->base;
    struct vision_pass pass = {
        .encoder = encoder,
        .base = base,
        .adapters = m2c_set_adapters(set),
        .request = request,
        .frames = (size_t)request->clips * (size_t)request->frames,
        .width = (size_t)base->config.vision.width,
        .grid = {.frames = (size_t)request->frames,
                 .tokens = m2c_config_tokens(&base->config),
                 .grid = m2c_config_grid(&base->config)},
    };
    assert(request->clips >= 1 && request->frames >= 1);
    assert(pass.frames <= (size_t)encoder->max_frames);
    cut_arena(&pass);
    m2c_shares_begin(encoder->shares, row_groups(&pass));
    m2c_team_run(encoder->team, vision_member, &pass);
    if (pass.cancelled)
        return M2C_CANCELLED;
    if (request->frame_features || request->video)
        frame_features(&pass);
    if (request->vc_logits && pass.adapters->vc)
        vc_logits(&pass);
    return M2C_OK;
}
