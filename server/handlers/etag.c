#include "server/handlers/etag.h"

#include <string.h>

bool srv_etag_named(const char *field, const char *etag, bool weak)
{
    if (!etag)
        return false;
    size_t length = strlen(etag);
    const char *at = field + strspn(field, " \t,");
    if (*at == '*')
        return true;
    while (*at) {
        bool is_weak = strncmp(at, "W/", 2) == 0;
        const char *tag = at + (is_weak ? 2 : 0);
        const char *end = *tag == '"' ? strchr(tag + 1, '"') : NULL;
        if (!end)
            return false;
        if ((weak || !is_weak) && (size_t)(end + 1 - tag) == length &&
            memcmp(tag, etag, length) == 0)
            return true;
        at = end + 1;
        at += strspn(at, " \t,");
    }
    return false;
}
