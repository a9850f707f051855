/* Entity tags in conditional requests (RFC 9110, 13.1). Pure. */
#ifndef SRV_HANDLERS_ETAG_H
#define SRV_HANDLERS_ETAG_H

#include <stdbool.h>

/* Whether a field value, a list of tags or `*`, names `etag`, a quoted strong tag; `*` names
 * whatever there is, so not a NULL one. With `weak` a weak tag of the same text counts
 * (If-None-Match), else it does not (If-Match). */
bool srv_etag_named(const char *field, const char *etag, bool weak);

#endif
