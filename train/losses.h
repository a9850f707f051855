/* The losses of m2clip.md (Training) and their gradients. Plain functions of small matrices; sums
 * in double. One thread; nothing can fail. */
#ifndef TRN_LOSSES_H
#define TRN_LOSSES_H

#include <stddef.h>
#include <stdint.h>

/* unit[i] = x[i] / |x[i]|, norms[i] = |x[i]| (a zero row stays zero). x, unit: [rows, width]. */
void trn_unit_rows(const float *x, size_t rows, size_t width, float *unit, float *norms);

/* dx += (du - u (u du)) / |x|: the gradient through trn_unit_rows. */
void trn_unit_rows_backward(const float *unit, const float *norms, const float *d_unit, size_t rows,
                            size_t width, float *dx);

/* The mean over rows of -log softmax(logits)[target]; logits <- weight times its gradient. Targets
 * below 0 are left out of the mean; none at all gives 0. logits: [rows, width]. */
double trn_cross_entropy(float *logits, const int32_t *targets, size_t rows, size_t width,
                         double weight);

/* (KL(li || G) + KL(li^T || G)) / 2 with li [B, B] = scale times the cosines and G_ij = [y_i =
 * y_j]; KL(p || G) = mean over rows of sum_j q (log q - log softmax_row(p)), q = softmax_row(10 G).
 * slope [B, B] <- weight times the gradient by li. */
double trn_contrastive(const float *li, const int32_t *labels, size_t count, double weight,
                       float *slope);

#endif
