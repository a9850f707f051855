/* Networks in CIDR notation, and whether an address is in one of them. */
#ifndef SRV_CLIENTS_CIDR_LIST_H
#define SRV_CLIENTS_CIDR_LIST_H

#include "server/clients/address.h"
#include "status.h"

struct srv_cidr {
    struct srv_address network;
    unsigned bits; /* of the sixteen-byte form: 96 more than what an IPv4 network states */
};

/* Zeroed is the empty list. */
struct srv_cidr_list {
    struct srv_cidr *items;
    size_t count;
};

/* Reads "10.0.0.0/8,fd00::/8,192.0.2.7": networks, or single addresses, with commas between. Bits
 * behind the prefix must be zero, since a slip there opens more than was meant. M2C_USAGE names
 * `option`; the list is empty then. New; srv_cidr_list_destroy frees it. */
M2C_MUST_USE enum m2c_status srv_cidr_list_parse(const char *text, const char *option,
                                                 struct srv_cidr_list *out, struct m2c_error *err);
void srv_cidr_list_destroy(struct srv_cidr_list *list);

/* An IPv4 address is in an IPv4 network however either is written. Any thread. */
bool srv_cidr_list_holds(const struct srv_cidr_list *list, const struct srv_address *address);

#endif
