/* HTML5's named characters (generated: tools/make_html_entities.py). */
#ifndef M2C_TEXT_HTML_ENTITIES_H
#define M2C_TEXT_HTML_ENTITIES_H

#include <stddef.h>
#include <stdint.h>

enum { M2C_HTML_ENTITY_POINTS = 3 };

/* The code points [M2C_HTML_ENTITY_POINTS], padded with zeros, of a name of `length` characters
 * without its "&" and with its semicolon if it has one; NULL when there is no such name. Static
 * storage, any thread. */
const int32_t *m2c_html5_entity(const char *name, size_t length);

/* The same for a lower-case name that was written in capitals ("EACUTE;"). */
const int32_t *m2c_html_capital_entity(const char *name, size_t length);

#endif
