#include "server/clients/clients.h"

#include <stdlib.h>

static enum m2c_status read_options(struct srv_clients *clients,
                                    const struct srv_clients_options *options,
                                    struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    if (options->trusted_proxies)
        status = srv_cidr_list_parse(options->trusted_proxies, "trusted-proxy",
                                     &clients->trusted_proxies, err);
    if (status == M2C_OK && options->rate_limit)
        status = srv_rate_parse(options->rate_limit, &clients->rate, err);
    if (status == M2C_OK && options->cors_origins)
        status = srv_cors_parse(options->cors_origins, &clients->cors, err);
    if (status == M2C_OK && options->api_key_file)
        status = srv_api_keys_load(options->api_key_file, &clients->keys, err);
    return status;
}

enum m2c_status srv_clients_new(const struct srv_clients_options *options, struct srv_clients **out,
                                struct m2c_error *err)
{
    struct srv_clients *clients = calloc(1, sizeof *clients);
    *out = NULL;
    if (!clients)
        return m2c_fail_memory(err, "the rules about clients", sizeof *clients);
    clients->api_key_file = options->api_key_file;
    clients->shares.percent = options->share_percent;
    clients->shares.max_requests = options->max_requests;
    enum m2c_status status = read_options(clients, options, err);
    if (status == M2C_OK)
        status = srv_client_table_new(SRV_CLIENTS_MAX, &clients->table, err);
    if (status != M2C_OK)
        srv_clients_free(&clients);
    *out = clients;
    return status;
}

void srv_clients_free(struct srv_clients **clients)
{
    struct srv_clients *ending = *clients;
    if (!ending)
        return;
    srv_client_table_free(&ending->table);
    srv_api_keys_free(&ending->keys);
    srv_cidr_list_destroy(&ending->trusted_proxies);
    srv_cors_destroy(&ending->cors);
    free(ending);
    *clients = NULL;
}

enum m2c_status srv_clients_reload(struct srv_clients *clients, struct m2c_error *err)
{
    struct srv_api_keys *keys = NULL;
    if (!clients->api_key_file)
        return M2C_OK;
    enum m2c_status status = srv_api_keys_load(clients->api_key_file, &keys, err);
    if (status != M2C_OK)
        return status;
    srv_api_keys_free(&clients->keys);
    clients->keys = keys;
    return M2C_OK;
}
