/* Unicode normal forms, by utf8proc's tables.
 *
 * utf8proc's own reordering of combining marks is quadratic in a run's length; here it is linear,
 * so that no text can stall an encode.
 */
#ifndef M2C_TEXT_NORMALIZATION_H
#define M2C_TEXT_NORMALIZATION_H

#include "text/code_points.h"

/* Replaces `out` by the normal form C of `in`; they are different rows. */
void m2c_normalize_nfc(const struct m2c_code_points *in, struct m2c_code_points *out);

/* Appends the compatibility decomposition of `point` to `out`. */
void m2c_decompose_compatibly(int32_t point, struct m2c_code_points *out);

#endif
