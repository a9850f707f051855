/* Who stands behind a proxy: X-Forwarded-For, as far as it can be believed.
 *
 * Each proxy appends the address that it was connected from. What a trusted one has appended is
 * true; what stands to the left of an untrusted one may be made up. So the client is the rightmost
 * address that is not a trusted proxy. All lines of the header count as one list, in order. Pure.
 */
#ifndef SRV_CLIENTS_FORWARDED_H
#define SRV_CLIENTS_FORWARDED_H

#include "server/clients/cidr_list.h"

struct srv_forwarded {
    const struct srv_cidr_list *trusted; /* borrowed */
    struct srv_address peer;
    bool known;    /* the peer's address could be read */
    bool believed; /* the peer is a trusted proxy */
    bool found;
    struct srv_address client;
};

/* Starts with the address of the connection, as text. */
void srv_forwarded_begin(struct srv_forwarded *forwarded, const struct srv_cidr_list *trusted,
                         const char *peer);

/* One line of the header, in the order of the request. Entries are addresses with an optional port;
 * one that is anything else ends what can be believed to its left. */
void srv_forwarded_add(struct srv_forwarded *forwarded, const char *value);

/* The client's address: of the peer itself where it is no trusted proxy or sent no header. False
 * where not even the peer's could be read. */
bool srv_forwarded_client(const struct srv_forwarded *forwarded, struct srv_address *out);

#endif
