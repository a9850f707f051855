/* Dropout before the VC layer: factors drawn once a step (m2clip.md, Video encoder). */
#ifndef TRN_DROPOUT_H
#define TRN_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

/* factors[i] <- 0 with probability `rate` (0 <= rate < 1), else 1 / (1 - rate), so that the mean
 * stays. The same seed gives the same factors. */
void trn_dropout_draw(double rate, uint64_t seed, float *factors, size_t count);

#endif
