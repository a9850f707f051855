#include "server/clients/forwarded.h"

#include <string.h>

void srv_forwarded_begin(struct srv_forwarded *forwarded, const struct srv_cidr_list *trusted,
                         const char *peer)
{
    *forwarded = (struct srv_forwarded){.trusted = trusted};
    forwarded->known = srv_address_parse(peer, strlen(peer), &forwarded->peer);
    forwarded->believed = forwarded->known && srv_cidr_list_holds(trusted, &forwarded->peer);
}

static bool is_port(const char *text, size_t size)
{
    return size >= 1 && size <= 5 && strspn(text, "0123456789") >= size;
}

/* 192.0.2.1, 192.0.2.1:80, 2001:db8::1, [2001:db8::1], [2001:db8::1]:80. */
static bool parse_entry(const char *text, size_t size, struct srv_address *out)
{
    const char *colon = memchr(text, ':', size);
    if (size > 0 && text[0] == '[') {
        const char *close = memchr(text, ']', size);
        size_t used = close ? (size_t)(close - text) + 1 : 0;
        if (!close ||
            (used < size && (text[used] != ':' || !is_port(text + used + 1, size - used - 1))))
            return false;
        return memchr(text, ':', used) && srv_address_parse(text + 1, used - 2, out);
    }
    size_t head = colon ? (size_t)(colon - text) : size;
    bool one_colon = colon && !memchr(colon + 1, ':', size - head - 1);
    if (one_colon)
        return is_port(colon + 1, size - head - 1) && srv_address_parse(text, head, out);
    return srv_address_parse(text, size, out);
}

static void add_entry(struct srv_forwarded *forwarded, const char *text, size_t size)
{
    struct srv_address address;
    if (!parse_entry(text, size, &address)) {
        forwarded->found = false;
        return;
    }
    bool proxy = srv_cidr_list_holds(forwarded->trusted, &address);
    if (proxy && forwarded->found)
        return;
    forwarded->found = true;
    forwarded->client = address;
}

void srv_forwarded_add(struct srv_forwarded *forwarded, const char *value)
{
    while (forwarded->believed && value) {
        size_t size = strcspn(value, ",");
        const char *next = value[size] == ',' ? value + size + 1 : NULL;
        while (size > 0 && strchr(" \t", value[0])) {
            value++;
            size--;
        }
        while (size > 0 && strchr(" \t", value[size - 1]))
            size--;
        add_entry(forwarded, value, size);
        value = next;
    }
}

bool srv_forwarded_client(const struct srv_forwarded *forwarded, struct srv_address *out)
{
    *out = forwarded->found ? forwarded->client : forwarded->peer;
    return forwarded->known;
}
