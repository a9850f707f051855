/* The rules about clients, as the operator has set them, and the clients seen lately. Knows no
 * HTTP: server/handlers/gate.c asks it. Loop thread. */
#ifndef SRV_CLIENTS_CLIENTS_H
#define SRV_CLIENTS_CLIENTS_H

#include "server/clients/api_keys.h"
#include "server/clients/cidr_list.h"
#include "server/clients/client_table.h"
#include "server/clients/cors.h"
#include "server/clients/rate_limit.h"
#include "server/clients/share.h"
#include "status.h"

enum { SRV_CLIENTS_MAX = 16384 }; /* that are remembered at once */

/* Options as they were given; NULL where one was not. */
struct srv_clients_options {
    const char *api_key_file;    /* borrowed for the life of the clients: read again on reload */
    const char *trusted_proxies; /* CIDR[,CIDR] */
    const char *rate_limit;
    const char *cors_origins;
    double share_percent;
    size_t max_requests; /* srv_shares.max_requests */
};

/* Its parts are read by the gate and by admission. */
struct srv_clients {
    const char *api_key_file;
    struct srv_api_keys *keys; /* NULL: none are asked for */
    struct srv_cidr_list trusted_proxies;
    struct srv_rate rate;
    struct srv_cors cors;
    struct srv_shares shares;
    struct srv_client_table *table;
};

/* New; srv_clients_free ends it. M2C_USAGE names the option that does not parse; M2C_IO_FAILED
 * where the key file cannot be read. */
M2C_MUST_USE enum m2c_status srv_clients_new(const struct srv_clients_options *options,
                                             struct srv_clients **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void srv_clients_free(struct srv_clients **clients);

/* Reads the key file anew: M2C_OK without one. Where it is not good the old keys go on counting. A
 * name borrowed from the old keys is dead after. */
M2C_MUST_USE enum m2c_status srv_clients_reload(struct srv_clients *clients, struct m2c_error *err);

#endif
