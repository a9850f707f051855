#include "train/losses.h"

#include <math.h>
#include <string.h>

/* What a label shared by two clips weighs in G. */
static const double similarity = 10.0;

static double dot(const float *a, const float *b, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

void trn_unit_rows(const float *x, size_t rows, size_t width, float *unit, float *norms)
{
    for (size_t row = 0; row < rows; row++) {
        double norm = sqrt(dot(x + row * width, x + row * width, width));
        norms[row] = (float)norm;
        for (size_t c = 0; c < width; c++)
            unit[row * width + c] = norm > 0 ? (float)((double)x[row * width + c] / norm) : 0.0F;
    }
}

void trn_unit_rows_backward(const float *unit, const float *norms, const float *d_unit, size_t rows,
                            size_t width, float *dx)
{
    for (size_t row = 0; row < rows; row++) {
        const float *u = unit + row * width, *du = d_unit + row * width;
        double along = dot(u, du, width);
        for (size_t c = 0; norms[row] > 0 && c < width; c++)
            dx[row * width + c] +=
                (float)(((double)du[c] - (double)u[c] * along) / (double)norms[row]);
    }
}

/* log sum exp of `count` values that lie `step` apart. */
static double log_sum(const float *values, size_t count, size_t step)
{
    double top = (double)values[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        top = fmax(top, (double)values[i * step]);
    for (size_t i = 0; i < count; i++)
        sum += exp((double)values[i * step] - top);
    return top + log(sum);
}

double trn_cross_entropy(float *logits, const int32_t *targets, size_t rows, size_t width,
                         double weight)
{
    double loss = 0;
    size_t counted = 0;
    for (size_t row = 0; row < rows; row++)
        counted += targets[row] >= 0;
    for (size_t row = 0; row < rows; row++) {
        float *logit = logits + row * width;
        if (targets[row] < 0) {
            memset(logit, 0, width * sizeof *logit);
            continue;
        }
        size_t target = (size_t)targets[row];
        double total = log_sum(logit, width, 1);
        loss += total - (double)logit[target];
        for (size_t c = 0; c < width; c++) {
            double share = exp((double)logit[c] - total) - (c == target ? 1.0 : 0.0);
            logit[c] = (float)(weight * share / (double)counted);
        }
    }
    return counted > 0 ? loss / (double)counted : 0.0;
}

/* The KL term of one row (step 1) or column (step B) `index` of li; its gradient is added. */
static double divergence(const float *li, const int32_t *labels, size_t index, size_t count,
                         size_t step, double weight, float *slope)
{
    double alike = 0, loss = 0, total = log_sum(li, count, step);
    for (size_t j = 0; j < count; j++)
        alike += labels[j] == labels[index];
    double log_others = log(alike * exp(similarity) + ((double)count - alike));
    for (size_t j = 0; j < count; j++) {
        double log_q = (labels[j] == labels[index] ? similarity : 0.0) - log_others;
        double log_p = (double)li[j * step] - total;
        loss += exp(log_q) * (log_q - log_p);
        slope[j * step] += (float)(weight * (exp(log_p) - exp(log_q)));
    }
    return loss;
}

double trn_contrastive(const float *li, const int32_t *labels, size_t count, double weight,
                       float *slope)
{
    double loss = 0, share = weight / (2.0 * (double)count);
    memset(slope, 0, count * count * sizeof *slope);
    for (size_t i = 0; i < count; i++) {
        loss += divergence(li + i * count, labels, i, count, 1, share, slope + i * count);
        loss += divergence(li + i, labels, i, count, count, share, slope + i);
    }
    return loss / (2.0 * (double)count);
}
