/* HTML character references in a row of code points.
 *
 * Both functions append to `out` what `in` says; `in` and `out` are different rows.
 */
#ifndef M2C_TEXT_HTML_UNESCAPE_H
#define M2C_TEXT_HTML_UNESCAPE_H

#include "text/code_points.h"

/* As Python's html.unescape: `&name;`, `&name` and the longest known prefix of a name, `&#n;` and
 * `&#xn;` with or without the semicolon; numbers 0x80..0x9F mean windows-1252, surrogates, 0 and
 * numbers beyond Unicode become U+FFFD, other code points that HTML forbids vanish. */
void m2c_html_unescape(const struct m2c_code_points *in, struct m2c_code_points *out);

/* As ftfy's unescape_html: closed references alone (`&name;`, `&#n;`), names whole, lower-case
 * names in capitals included. */
void m2c_html_unescape_closed(const struct m2c_code_points *in, struct m2c_code_points *out);

/* What windows-1252 means by a C1 control character (U+0080..U+009F): itself where the encoding
 * leaves the byte undefined. Any other code point is returned as it is. */
int32_t m2c_windows_1252(int32_t point);

#endif
