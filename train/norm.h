/* Layer norm y = (x - mean) / sqrt(var + eps) gamma + beta over rows, forward and backward. */
#ifndef TRN_NORM_H
#define TRN_NORM_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/team.h"
#include "train/view.h"

struct trn_norm {
    struct trn_view gamma, beta; /* [width] */
    size_t width;
    float eps;
};

/* y = LN(x). x, y: [rows, width]; may be the same array. */
void trn_norm_forward(struct m2c_team *team, const struct trn_norm *norm, size_t rows,
                      const float *x, float *y);

/* With g = dy gamma and n the normalized x:
 *     dx += (g - mean(g) - n mean(g n)) / sqrt(var + eps);  dgamma += sum dy n;  dbeta += sum dy
 * x: what the forward pass was given; dx NULL: only the parameters' gradients are wanted.
 * stats: [2, rows] scratch. dx overlaps neither x nor dy. */
void trn_norm_backward(struct m2c_team *team, const struct trn_norm *norm, size_t rows,
                       const float *x, const float *dy, float *dx, float *stats);

bool trn_norm_trained(const struct trn_norm *norm);

#endif
