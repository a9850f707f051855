#include "model/block.h"

#include "kernels/kernels.h"

struct m2c_range m2c_chunk(struct m2c_range rows, size_t index)
{
    size_t count = rows.end - rows.begin;
    size_t chunks = (count + M2C_CHUNK_ROWS - 1) / M2C_CHUNK_ROWS;
    if (index >= chunks)
        return (struct m2c_range){.begin = rows.end, .end = rows.end};
    struct m2c_range chunk = m2c_team_share(count, 1, (int)index, (int)chunks);
    chunk.begin += rows.begin;
    chunk.end += rows.begin;
    return chunk;
}

void m2c_norm_rows(const struct m2c_norm *norm, struct m2c_range rows, const float *x, float *y)
{
    size_t width = norm->width;
    m2c_kernels_get()->layer_norm(y + rows.begin * width, width, x + rows.begin * width, width,
                                  norm->gamma, norm->beta, rows.end - rows.begin, width, norm->eps);
}

void m2c_block_project(const struct m2c_block *block, struct m2c_range rows, const float *x,
                       float *n, float *q, float *kv, const struct m2c_member_scratch *scratch)
{
    size_t width = block->ln_1.width;
    m2c_norm_rows(&block->ln_1, rows, x, n);
    for (size_t i = 0;; i++) {
        struct m2c_range chunk = m2c_chunk(rows, i);
        size_t count = chunk.end - chunk.begin;
        if (count == 0)
            return;
        const float *input = n + chunk.begin * width;
        if (q)
            m2c_linear_apply(block->query, count, input, width, q + chunk.begin * width, width,
                             M2C_EPILOGUE_STORE, scratch->linear);
        m2c_linear_apply(block->key_value, count, input, width, kv + chunk.begin * 2 * width,
                         2 * width, M2C_EPILOGUE_STORE, scratch->linear);
    }
}

void m2c_block_merge(const struct m2c_block *block, struct m2c_range rows, const float *n, float *x,
                     const struct m2c_member_scratch *scratch)
{
    size_t width = block->ln_1.width;
    m2c_linear_apply(block->out, rows.end - rows.begin, n + rows.begin * width, width,
                     x + rows.begin * width, width, M2C_EPILOGUE_ADD, scratch->linear);
}

static enum m2c_epilogue activation_epilogue(enum m2c_activation activation)
{
    return activation == M2C_ACT_GELU ? M2C_EPILOGUE_GELU : M2C_EPILOGUE_QUICK_GELU;
}

void m2c_block_mlp(const struct m2c_block *block, struct m2c_range rows, float *x, float *n,
                   const struct m2c_member_scratch *scratch)
{
    size_t width = block->ln_2.width;
    size_t mlp_width = m2c_linear_out(block->fc);
    enum m2c_epilogue epilogue = activation_epilogue(block->activation);
    m2c_norm_rows(&block->ln_2, rows, x, n);
    for (size_t i = 0;; i++) {
        struct m2c_range chunk = m2c_chunk(rows, i);
        size_t count = chunk.end - chunk.begin;
        if (count == 0)
            return;
        m2c_linear_apply(block->fc, count, n + chunk.begin * width, width, scratch->hidden,
                         mlp_width, epilogue, scratch->linear);
        m2c_linear_apply(block->proj, count, scratch->hidden, mlp_width, x + chunk.begin * width,
                         width, M2C_EPILOGUE_ADD, scratch->linear);
    }
}

void m2c_text_adapter_apply(const struct m2c_text_adapter *adapter, struct m2c_range rows, float *x,
                            const struct m2c_member_scratch *scratch)
{
    if (!adapter)
        return;
    size_t width = m2c_linear_in(adapter->fc1);
    size_t hidden_width = m2c_linear_out(adapter->fc1);
    for (size_t i = 0;; i++) {
        struct m2c_range chunk = m2c_chunk(rows, i);
        size_t count = chunk.end - chunk.begin;
        float *input = x + chunk.begin * width;
        if (count == 0)
            return;
        m2c_linear_apply(adapter->fc1, count, input, width, scratch->hidden, hidden_width,
                         M2C_EPILOGUE_GELU, scratch->linear);
        m2c_linear_apply(adapter->fc2, count, scratch->hidden, hidden_width, input, width,
                         M2C_EPILOGUE_ADD, scratch->linear);
    }
}
