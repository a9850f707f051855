#include "kernels/attention.h"

#include <math.h>
#include <string.h>

#include "kernels/attention_plan.h"
#include "kernels/reference.h"
#include "kernels/tables.h"

size_t m2c_attention_scratch(size_t queries, size_t keys, size_t head_dim)
{
    if (queries < M2C_ATTENTION_TILE_ROWS)
        return keys;
    return m2c_attention_layout(keys, head_dim).floats;
}

void m2c_attention_run(const struct m2c_attention *attention, float *scratch)
{
#if defined(__x86_64__)
    if (attention->bf16 && attention->queries >= M2C_ATTENTION_TILE_ROWS && m2c_cpu_has_bf16()) {
        m2c_attention_bf16(attention, scratch);
        return;
    }
#endif
    m2c_kernels_get()->attention(attention, scratch);
}

void m2c_attention_gather(const float *q, const float *const *k, const float *const *v, size_t keys,
                          size_t head_dim, float *out, float *scores)
{
    m2c_kernels_get()->attention_gather(q, k, v, keys, head_dim, out, scores);
}

/* out <- out + weight * value. */
static void add_value(float *out, float weight, const float *value, size_t head_dim)
{
    for (size_t d = 0; d < head_dim; d++)
        out[d] += weight * value[d];
}

void m2c_attention_c(const struct m2c_attention *attention, float *scratch)
{
    const float scale = 1.0F / sqrtf((float)attention->head_dim);
    for (size_t row = 0; row < attention->queries; row++) {
        const float *q = attention->q + row * attention->ldq;
        float *out = attention->out + row * attention->ldo;
        for (size_t i = 0; i < attention->keys; i++)
            scratch[i] = m2c_dot_c(q, attention->k + i * attention->ldkv, attention->head_dim);
        m2c_softmax_c(scratch, attention->keys, 1, attention->keys, scale);
        memset(out, 0, attention->head_dim * sizeof *out);
        for (size_t i = 0; i < attention->keys; i++)
            add_value(out, scratch[i], attention->v + i * attention->ldkv, attention->head_dim);
    }
}

void m2c_attention_gather_c(const float *q, const float *const *k, const float *const *v,
                            size_t keys, size_t head_dim, float *out, float *scores)
{
    for (size_t i = 0; i < keys; i++)
        scores[i] = m2c_dot_c(q, k[i], head_dim);
    m2c_softmax_c(scores, keys, 1, keys, 1.0F / sqrtf((float)head_dim));
    memset(out, 0, head_dim * sizeof *out);
    for (size_t i = 0; i < keys; i++)
        add_value(out, scores[i], v[i], head_dim);
}
