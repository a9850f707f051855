#include "server/http/request_id.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static bool is_acceptable(const char *text)
{
    size_t length = strnlen(text, SRV_REQUEST_ID_MAX + 1);
    return length > 0 && length <= SRV_REQUEST_ID_MAX &&
           text[strspn(
               text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")] == '\0';
}

void srv_request_id_make(const char *wanted, char out[SRV_REQUEST_ID_MAX + 1])
{
    uint64_t random[2];
    if (wanted && is_acceptable(wanted)) {
        memcpy(out, wanted, strlen(wanted) + 1);
        return;
    }
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random) {
        /* Before the kernel's pool is ready: the id must be unique, not secret. */
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        random[0] = (uint64_t)now.tv_sec;
        random[1] = (uint64_t)now.tv_nsec;
    }
    (void)snprintf(out, SRV_REQUEST_ID_MAX + 1, "%016llx%016llx", (unsigned long long)random[0],
                   (unsigned long long)random[1]);
}
