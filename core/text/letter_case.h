/* Lower case as Python's str.lower: each character's own mapping, a dotted capital I becomes two
 * characters, and a capital sigma at a word's end becomes the final form. */
#ifndef M2C_TEXT_LETTER_CASE_H
#define M2C_TEXT_LETTER_CASE_H

#include "text/code_points.h"

/* Replaces `out` by `in` in lower case; they are different rows. */
void m2c_lower(const struct m2c_code_points *in, struct m2c_code_points *out);

#endif
