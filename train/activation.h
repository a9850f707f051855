/* The two activations on rows whose bias has not been added yet: a(z + b). */
#ifndef TRN_ACTIVATION_H
#define TRN_ACTIVATION_H

#include <stddef.h>

#include "model/config.h"
#include "runtime/team.h"

/* y = a(z + bias). z, y: [rows, width]; may be the same array. bias: [width]. */
void trn_activation_forward(struct m2c_team *team, enum m2c_activation activation, size_t rows,
                            size_t width, const float *z, const float *bias, float *y);

/* dy <- dy a'(z + bias), in place: QuickGELU's derivative s (1 + 1.702 (z - q)) with s = q / z =
 * sigmoid(1.702 z), GELU's P(z) + z p(z) with the normal distribution P and its density p. */
void trn_activation_backward(struct m2c_team *team, enum m2c_activation activation, size_t rows,
                             size_t width, const float *z, const float *bias, float *dy);

#endif
