#include "kernels/attention.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

size_t m2c_attention_scratch(size_t queries, size_t keys)
{
    return queries * keys;
}

void m2c_attention_run(const struct m2c_attention *a, float *scratch)
{
    int queries = (int)a->queries;
    int keys = (int)a->keys;
    int head_dim = (int)a->head_dim;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, queries, keys, head_dim, 1.0F, a->q,
                (int)a->ldq, a->k, (int)a->ldkv, 0.0F, scratch, keys);
    float scale = 1.0F / sqrtf((float)a->head_dim);
    m2c_kernels_get()->softmax(scratch, a->keys, a->queries, a->keys, scale);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, queries, head_dim, keys, 1.0F, scratch,
                keys, a->v, (int)a->ldkv, 0.0F, a->out, (int)a->ldo);
}

void m2c_attention_gather(const float *q, const float *const *k, const float *const *v, size_t keys,
                          size_t head_dim, float *out, float *scores)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    for (size_t i = 0; i < keys; i++)
        scores[i] = kernels->dot(q, k[i], head_dim);
    kernels->softmax(scores, keys, 1, keys, 1.0F / sqrtf((float)head_dim));
    memset(out, 0, head_dim * sizeof *out);
    for (size_t i = 0; i < keys; i++) {
        const float *value = v[i];
        float weight = scores[i];
        for (size_t d = 0; d < head_dim; d++)
            out[d] += weight * value[d];
    }
}
