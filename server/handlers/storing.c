#include "server/handlers/storing.h"

#include <string.h>
#include <strings.h>

#include "server/clients/clients.h"

enum { CACHE_CONTROL_BYTES = 512 };

bool srv_forbids_storing(const struct srv_request *request)
{
    static const char directive[] = "no-store";
    char list[CACHE_CONTROL_BYTES];
    /* What does not fit may say it too. */
    if (!srv_request_header_list(request, "Cache-Control", list, sizeof list))
        return true;
    for (const char *item = list; *item; item += *item == ',') {
        item += strspn(item, " \t");
        size_t length = strcspn(item, ",");
        size_t word = strcspn(item, ", \t");
        if (word == sizeof directive - 1 && strncasecmp(item, directive, word) == 0)
            return true;
        item += length;
    }
    return false;
}

const char *srv_video_scope(const struct srv_handlers *handlers, const struct srv_request *request)
{
    return handlers->clients && handlers->clients->keys ? srv_request_client(request) : "";
}
