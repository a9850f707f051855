/* The clients seen lately, by name, with what the rules of this room keep about each.
 *
 * Bounded: when it is full the client that was looked up longest ago and holds no work makes room.
 * An IPv6 address stands for its /64, which one customer usually owns as a whole. Loop thread.
 */
#ifndef SRV_CLIENTS_CLIENT_TABLE_H
#define SRV_CLIENTS_CLIENT_TABLE_H

#include <stddef.h>

#include "server/clients/address.h"
#include "server/limits.h"
#include "status.h"

struct srv_client {
    char key[SRV_CLIENT_NAME_MAX + 1]; /* the name, or the network of an IPv6 address */
    struct srv_client *older, *newer;

    /* rate_limit.h: tokens used up and not yet given back, as of then. */
    double spent, spent_ms;

    /* share.h: work under way. */
    size_t holds;
    double held_cost;
};

struct srv_client_table;

/* A new table of at most `max_clients`; srv_client_table_free ends it. */
M2C_MUST_USE enum m2c_status srv_client_table_new(size_t max_clients, struct srv_client_table **out,
                                                  struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void srv_client_table_free(struct srv_client_table **table);

/* The client of that name, made where it is not known. Valid until the next call for another one,
 * and for as long as it holds work. NULL without memory, or where the table is full of clients that
 * all hold work. */
struct srv_client *srv_client_table_get(struct srv_client_table *table, const char *name);

size_t srv_client_table_count(const struct srv_client_table *table);

#endif
