/* Internet addresses in one form: sixteen bytes, IPv4 as ::ffff:a.b.c.d. Pure; any thread. */
#ifndef SRV_CLIENTS_ADDRESS_H
#define SRV_CLIENTS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

enum { SRV_ADDRESS_TEXT_BYTES = 46 }; /* the longest text and its NUL */

struct srv_address {
    unsigned char bytes[16];
};

/* Reads text[size]: dotted IPv4, or IPv6, of which `%zone` is left out. False for anything else, a
 * port or brackets included. */
bool srv_address_parse(const char *text, size_t size, struct srv_address *out);

/* Whether it is an IPv4 address, be it written as ::ffff:a.b.c.d. */
bool srv_address_is_v4(const struct srv_address *address);

/* 127.0.0.0/8 and ::1. */
bool srv_address_is_loopback(const struct srv_address *address);

/* The canonical text: dotted for IPv4, RFC 5952 for IPv6. */
void srv_address_format(const struct srv_address *address, char out[SRV_ADDRESS_TEXT_BYTES]);

#endif
