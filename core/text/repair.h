/* What ftfy.fix_text does to a text by default, its mojibake repair (`fix_encoding`) left out.
 *
 * Line by line, until nothing changes any more: HTML references are decoded (not from the first
 * line on that holds a "<"), C1 control characters become what windows-1252 means by them, Latin
 * ligatures and digraphs are taken apart, half-width and full-width forms take their usual width,
 * curly quotes are straightened, terminal escapes and control characters vanish, and the line is
 * brought to normal form C.
 *
 * ftfy's line break repair is not needed, since white space is folded later, nor its surrogate
 * repair, since UTF-8 holds none. Where ftfy repeats without end, this stops after
 * M2C_REPAIR_ROUNDS: only a text escaped that many times over shows it.
 */
#ifndef M2C_TEXT_REPAIR_H
#define M2C_TEXT_REPAIR_H

#include "text/code_points.h"

enum { M2C_REPAIR_ROUNDS = 16 };

/* Replaces `out` by the repaired `in`; they are different rows. */
void m2c_repair(const struct m2c_code_points *in, struct m2c_code_points *out);

#endif
