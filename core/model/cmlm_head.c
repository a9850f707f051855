/* The masked-language head: text states attend to frame features, BERT's head reads the words.
 *
 *     z <- z + CrossAttention(q = LN1(z), k = v = LN1(f)); z <- z + MLP(LN2(z)); ln_final; head
 */
#include <assert.h>
#include <stddef.h>

#include "kernels/attention.h"
#include "model/block.h"
#include "model/text_encoder.h"

/* wanted_x += attention of its rows to the T frames f [T, Ct]. */
static void cross_attend(const struct m2c_text_pass *pass, const struct m2c_block *block,
                         const float *f, size_t frames)
{
    size_t width = pass->width;
    size_t head_dim = width / (size_t)block->heads;
    struct m2c_range rows = {.begin = 0, .end = pass->wanted_count};
    struct m2c_range frame_rows = {.begin = 0, .end = frames};
    m2c_norm_rows(&block->ln_1, rows, pass->wanted_x, pass->wanted_n);
    m2c_linear_apply(block->query, rows.end, pass->wanted_n, width, pass->wanted_q, width,
                     M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
    m2c_norm_rows(&block->ln_1, frame_rows, f, pass->n);
    m2c_linear_apply(block->key_value, frames, pass->n, width, pass->frame_kv, 2 * width,
                     M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
    for (size_t head = 0; head < (size_t)block->heads; head++) {
        struct m2c_attention attention = {.q = pass->wanted_q + head * head_dim,
                                          .ldq = width,
                                          .k = pass->frame_kv + head * head_dim,
                                          .v = pass->frame_kv + width + head * head_dim,
                                          .ldkv = 2 * width,
                                          .out = pass->wanted_n + head * head_dim,
                                          .ldo = width,
                                          .queries = rows.end,
                                          .keys = frames,
                                          .head_dim = head_dim};
        m2c_attention_run(&attention, pass->encoder->members[0].scores);
    }
    m2c_block_merge(block, rows, pass->wanted_n, pass->wanted_x, &pass->encoder->members[0]);
}

static void read_words(const struct m2c_text_pass *pass, const struct m2c_mlm_head *head,
                       float *logits)
{
    struct m2c_range rows = {.begin = 0, .end = pass->wanted_count};
    size_t width = pass->width;
    size_t words = m2c_linear_out(head->decoder);
    m2c_norm_rows(&pass->base->ln_final, rows, pass->wanted_x, pass->wanted_n);
    m2c_linear_apply(head->dense, rows.end, pass->wanted_n, width, pass->wanted_q, width,
                     M2C_EPILOGUE_GELU, pass->encoder->members[0].linear);
    m2c_norm_rows(&head->norm, rows, pass->wanted_q, pass->wanted_q);
    m2c_linear_apply(head->decoder, rows.end, pass->wanted_q, width, logits, words,
                     M2C_EPILOGUE_STORE, pass->encoder->members[0].linear);
}

/* The rows of the one text in the tree that are asked for. */
static size_t want_positions(struct m2c_encoder *encoder, const int32_t *position)
{
    int32_t last = encoder->tree.last_row[0];
    size_t count = (size_t)encoder->tree.position[last] + 1;
    if (position) {
        encoder->wanted[0] = m2c_text_tree_row_at(&encoder->tree, last, *position);
        return 1;
    }
    for (int32_t row = last; row >= 0; row = encoder->tree.parent[row])
        encoder->wanted[encoder->tree.position[row]] = row;
    return count;
}

static size_t encode_clip(struct m2c_text_pass *pass, const struct m2c_text_batch *batch,
                          const struct m2c_cmlm_request *request, size_t clip, float *logits)
{
    struct m2c_encoder *encoder = pass->encoder;
    const struct m2c_block *block = m2c_base_cmlm_block(pass->base);
    const struct m2c_adapters *adapters = pass->adapters;
    size_t number = (size_t)pass->base->config.text.layers; /* the CMLM block's */
    size_t frames = (size_t)request->frames;
    const struct m2c_member_scratch *scratch = &encoder->members[0];
    (void)m2c_text_tree_build(&encoder->tree, batch, 0);
    pass->wanted = encoder->wanted;
    pass->wanted_count =
        want_positions(encoder, request->positions ? &request->positions[clip] : NULL);
    m2c_text_pass_run(pass);
    struct m2c_range rows = {.begin = 0, .end = pass->wanted_count};
    m2c_text_adapter_apply(adapters->text_pre_attn[number], rows, pass->wanted_x, scratch);
    cross_attend(pass, block, request->frame_features + clip * frames * pass->width, frames);
    m2c_text_adapter_apply(adapters->text_pre_mlp[number], rows, pass->wanted_x, scratch);
    m2c_block_mlp(block, rows, pass->wanted_x, pass->wanted_n, scratch);
    read_words(pass, adapters->mlm, logits);
    return pass->wanted_count;
}

enum m2c_status m2c_encode_cmlm(struct m2c_encoder *encoder, const struct m2c_set *set,
                                const struct m2c_cmlm_request *request, struct m2c_error *err)
{
    struct m2c_text_batch batch;
    struct m2c_text_pass pass = {.encoder = encoder,
                                 .base = encoder->base,
                                 .adapters = m2c_set_adapters(set),
                                 .tree = &encoder->tree};
    size_t clips = (size_t)request->clips;
    assert(pass.adapters->mlm && request->frames <= encoder->max_frames);
    enum m2c_status status = m2c_text_batch_init(&batch, request->ids, request->counts, clips, err);
    if (status != M2C_OK)
        return status;
    float *logits = request->logits;
    for (size_t clip = 0; clip < clips; clip++) {
        batch.order[0] = clip;
        struct m2c_text_batch one = batch;
        one.texts = 1;
        logits += encode_clip(&pass, &one, request, clip, logits) *
                  m2c_linear_out(pass.adapters->mlm->decoder);
    }
    m2c_text_batch_destroy(&batch);
    return M2C_OK;
}
