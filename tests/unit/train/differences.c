#include "differences.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MAX_CHECKED = 64 };

static const float distance = 0.02F;

/* Differences of float sums are never better than this, also where the true gradient is zero. */
static const double smallest_scale = 0.03;

static double loss_at(difference_loss loss, void *context, float *value, float moved)
{
    float before = *value;
    *value = moved;
    double result = loss(context);
    *value = before;
    return result;
}

/* (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12 h, h being what the floats really moved. */
static double slope_at(difference_loss loss, void *context, float *value)
{
    float near = *value + distance, far = *value + 2 * distance;
    double step = ((double)far - (double)*value) / 2;
    double inner =
        loss_at(loss, context, value, near) - loss_at(loss, context, value, *value - distance);
    double outer =
        loss_at(loss, context, value, far) - loss_at(loss, context, value, *value - 2 * distance);
    return (8 * inner - outer) / (12 * step);
}

void check_differences(const char *name, difference_loss loss, void *context, float *values,
                       const float *grad, size_t count, double tolerance)
{
    size_t stride = (count + MAX_CHECKED - 1) / MAX_CHECKED;
    double slopes[MAX_CHECKED], largest = smallest_scale;
    size_t checked = 0;
    for (size_t i = 0; i < count; i += stride) {
        slopes[checked] = slope_at(loss, context, &values[i]);
        largest = fmax(largest, fmax(fabs(slopes[checked]), fabs((double)grad[i])));
        checked++;
    }
    for (size_t i = 0; i < checked; i++) {
        double found = (double)grad[i * stride];
        if (!(fabs(found - slopes[i]) <= tolerance * largest))
            fail_msg("%s[%zu]: gradient %g, difference %g, largest %g", name, i * stride, found,
                     slopes[i], largest);
    }
}

float *random_floats(size_t count, unsigned seed)
{
    uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    float *values = malloc((count + 1) * sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        values[i] = (float)(state >> 40) / (float)(1U << 23) - 1.0F;
    }
    return values;
}

double weighted_sum(const float *x, const float *y, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i] * (double)y[i];
    return sum;
}
