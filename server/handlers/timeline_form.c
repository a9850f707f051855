#include "server/handlers/timeline_form.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *type;
    enum srv_timeline_form form;
} types[] = {
    {"application/json", SRV_TIMELINE_JSON},
    {"application/*", SRV_TIMELINE_JSON},
    {"*/*", SRV_TIMELINE_JSON},
    {"application/x-ndjson", SRV_TIMELINE_NDJSON},
    {"text/event-stream", SRV_TIMELINE_EVENTS},
    {"text/vtt", SRV_TIMELINE_VTT},
};

static size_t trimmed(const char **text, size_t length)
{
    while (length > 0 && (**text == ' ' || **text == '\t')) {
        (*text)++;
        length--;
    }
    while (length > 0 && ((*text)[length - 1] == ' ' || (*text)[length - 1] == '\t'))
        length--;
    return length;
}

/* "0.375" -> 375; RFC 9110 allows three decimals. What is no quality counts as 1. */
static int quality_of(const char *text, size_t length)
{
    if (length == 0 || (text[0] != '0' && text[0] != '1'))
        return 1000;
    int quality = text[0] == '1' ? 1000 : 0, worth = 100;
    for (size_t i = 2; i < length && text[1] == '.' && text[0] == '0' && worth > 0; i++) {
        if (text[i] < '0' || text[i] > '9')
            return 1000;
        quality += worth * (text[i] - '0');
        worth /= 10;
    }
    return quality;
}

/* The quality among the parameters behind a media type. */
static int find_quality(const char *parameters, size_t length)
{
    while (length > 0) {
        const char *end = memchr(parameters, ';', length);
        size_t size = end ? (size_t)(end - parameters) : length;
        const char *one = parameters;
        size_t kept = trimmed(&one, size);
        if (kept >= 2 && (one[0] == 'q' || one[0] == 'Q') && one[1] == '=')
            return quality_of(one + 2, kept - 2);
        parameters += end ? size + 1 : size;
        length -= end ? size + 1 : size;
    }
    return 1000;
}

static void judge(const char *range, size_t length, enum srv_timeline_form *form, int *best)
{
    const char *semicolon = memchr(range, ';', length);
    size_t size = semicolon ? (size_t)(semicolon - range) : length;
    int quality = semicolon ? find_quality(semicolon + 1, length - size - 1) : 1000;
    size = trimmed(&range, size);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strlen(types[i].type) != size || strncasecmp(types[i].type, range, size) != 0)
            continue;
        if (quality > *best) {
            *best = quality;
            *form = types[i].form;
        }
    }
}

enum srv_timeline_form srv_timeline_form_of(const char *accept)
{
    enum srv_timeline_form form = SRV_TIMELINE_JSON;
    int best = 0;
    for (;;) {
        size_t length = strcspn(accept, ",");
        judge(accept, length, &form, &best);
        if (accept[length] == '\0')
            return form;
        accept += length + 1;
    }
}

bool srv_timeline_form_streams(enum srv_timeline_form form)
{
    return form == SRV_TIMELINE_NDJSON || form == SRV_TIMELINE_EVENTS;
}
