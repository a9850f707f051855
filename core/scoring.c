#include "scoring.h"

#include <math.h>
#include <stdlib.h>

#include "kernels/kernels.h"

/* Zero-shot softmax is over 100 x cosine, whatever logit scale a checkpoint stores. */
static const float cosine_scale = 100.0F;

void m2c_unit_vector(float *v, size_t dim)
{
    double squares = 0.0;
    for (size_t i = 0; i < dim; i++)
        squares += (double)v[i] * (double)v[i];
    if (squares <= 0.0)
        return;
    float inverse = (float)(1.0 / sqrt(squares));
    for (size_t i = 0; i < dim; i++)
        v[i] *= inverse;
}

static float inverse_length(const float *v, size_t dim)
{
    float squares = m2c_kernels_get()->dot(v, v, dim);
    return squares > 0.0F ? 1.0F / sqrtf(squares) : 0.0F;
}

void m2c_mean_unit_vector(const float *rows, size_t count, size_t dim, float *out)
{
    for (size_t i = 0; i < dim; i++)
        out[i] = 0.0F;
    for (size_t row = 0; row < count; row++) {
        const float *v = rows + row * dim;
        float scale = inverse_length(v, dim);
        for (size_t i = 0; i < dim; i++)
            out[i] += v[i] * scale;
    }
    m2c_unit_vector(out, dim);
}

void m2c_score_classes(const float *logits, size_t views, size_t classes,
                       struct m2c_prediction *predictions)
{
    for (size_t k = 0; k < classes; k++)
        predictions[k] = (struct m2c_prediction){.index = k};
    for (size_t v = 0; v < views; v++) {
        const float *row = logits + v * classes;
        float maximum = row[0];
        double sum = 0.0;
        for (size_t k = 1; k < classes; k++)
            maximum = fmaxf(maximum, row[k]);
        for (size_t k = 0; k < classes; k++)
            sum += exp((double)row[k] - (double)maximum);
        double scale = 1.0 / (sum * (double)views);
        for (size_t k = 0; k < classes; k++)
            predictions[k].score += (float)(exp((double)row[k] - (double)maximum) * scale);
    }
}

float m2c_score_labels(const float *video, size_t views, size_t dim, const float *const *labels,
                       size_t label_count, const float *const *background, size_t background_count,
                       struct m2c_prediction *predictions, float *scratch)
{
    const struct m2c_kernels *kernels = m2c_kernels_get();
    size_t count = label_count + background_count;
    float share = 1.0F / (float)views;
    float other = 0.0F;
    for (size_t n = 0; n < label_count; n++)
        predictions[n] = (struct m2c_prediction){.index = n};
    for (size_t v = 0; v < views; v++) {
        const float *vector = video + v * dim;
        float inverse = inverse_length(vector, dim);
        for (size_t n = 0; n < count; n++) {
            const float *text = n < label_count ? labels[n] : background[n - label_count];
            scratch[n] = kernels->dot(vector, text, dim) * inverse;
            if (n < label_count)
                predictions[n].similarity += scratch[n] * share;
        }
        kernels->softmax(scratch, count, 1, count, cosine_scale);
        for (size_t n = 0; n < label_count; n++)
            predictions[n].score += scratch[n] * share;
        for (size_t n = label_count; n < count; n++)
            other += scratch[n] * share;
    }
    return other;
}

static int by_falling_score(const void *left, const void *right)
{
    const struct m2c_prediction *a = left;
    const struct m2c_prediction *b = right;
    if (a->score > b->score)
        return -1;
    if (a->score < b->score)
        return 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

size_t m2c_select_predictions(struct m2c_prediction *predictions, size_t count,
                              const struct m2c_selection *selection)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool low = (selection->has_min_score && predictions[i].score < selection->min_score) ||
                   (selection->has_min_similarity &&
                    predictions[i].similarity < selection->min_similarity);
        if (!low)
            predictions[kept++] = predictions[i];
    }
    qsort(predictions, kept, sizeof *predictions, by_falling_score);
    return selection->top_k > 0 && selection->top_k < kept ? selection->top_k : kept;
}
