/* CLIP's split of a cleaned text into pieces, each of which is merged on its own:
 *
 *     <\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
 *
 * The first alternative that fits wins, case does not count, white space is skipped. */
#ifndef M2C_TEXT_PATTERN_H
#define M2C_TEXT_PATTERN_H

#include "text/code_points.h"

/* Finds the first piece at or after `from`: [*start, *end). False when there is none. Any thread.
 */
bool m2c_next_piece(const struct m2c_code_points *text, size_t from, size_t *start, size_t *end);

#endif
