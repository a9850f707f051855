/* A text as CLIP's tokenizer sees it: repaired, unescaped, folded, in lower case.
 *
 * The order is that of OpenAI's `simple_tokenizer`:
 *   1. ftfy.fix_text without its mojibake repair (repair.h), which is out of scope here: a text
 * such as "CafÃ©" stays as it is;
 *   2. html.unescape, twice;
 *   3. runs of white space (Unicode's property) become one space, none at the ends;
 *   4. str.lower.
 * Note what follows from 1: where no "<" stands before, closed HTML references are decoded as often
 * as they nest, and before quotes and ligatures are folded; step 2 catches the open ones.
 */
#ifndef M2C_TEXT_CLEAN_UP_H
#define M2C_TEXT_CLEAN_UP_H

#include "text/code_points.h"

/* Replaces `out` by the cleaned text. Errors: invalid UTF-8 (M2C_INVALID_REQUEST), no memory. Any
 * thread. */
M2C_MUST_USE enum m2c_status m2c_clean_up(const char *text, size_t bytes,
                                          struct m2c_code_points *out, struct m2c_error *err);

/* Unicode's White_Space. */
bool m2c_is_white_space(int32_t point);

#endif
