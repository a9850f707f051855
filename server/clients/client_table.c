#include "server/clients/client_table.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V6_NETWORK_BYTES = 8 };

struct srv_client_table {
    void *tree; /* tsearch: balanced, so that no choice of names makes it slow */
    size_t count, max;
    struct srv_client *newest, *oldest;
};

static int compare(const void *a, const void *b)
{
    const struct srv_client *left = a, *right = b;
    return strcmp(left->key, right->key);
}

static void make_key(const char *name, char key[SRV_CLIENT_NAME_MAX + 1])
{
    struct srv_address address;
    char text[SRV_ADDRESS_TEXT_BYTES];
    if (!srv_address_parse(name, strlen(name), &address)) {
        (void)snprintf(key, SRV_CLIENT_NAME_MAX + 1, "%s", name);
        return;
    }
    if (!srv_address_is_v4(&address))
        memset(address.bytes + V6_NETWORK_BYTES, 0, sizeof address.bytes - V6_NETWORK_BYTES);
    srv_address_format(&address, text);
    (void)snprintf(key, SRV_CLIENT_NAME_MAX + 1, "%s", text);
}

enum m2c_status srv_client_table_new(size_t max_clients, struct srv_client_table **out,
                                     struct m2c_error *err)
{
    struct srv_client_table *table = calloc(1, sizeof *table);
    *out = table;
    if (!table)
        return m2c_fail_memory(err, "the table of clients", sizeof *table);
    table->max = max_clients;
    return M2C_OK;
}

static void unlink_client(struct srv_client_table *table, struct srv_client *client)
{
    if (client->older)
        client->older->newer = client->newer;
    else
        table->oldest = client->newer;
    if (client->newer)
        client->newer->older = client->older;
    else
        table->newest = client->older;
}

static void link_newest(struct srv_client_table *table, struct srv_client *client)
{
    client->newer = NULL;
    client->older = table->newest;
    if (client->older)
        client->older->newer = client;
    else
        table->oldest = client;
    table->newest = client;
}

static void forget(struct srv_client_table *table, struct srv_client *client)
{
    unlink_client(table, client);
    (void)tdelete(client, &table->tree, compare);
    table->count--;
    free(client);
}

void srv_client_table_free(struct srv_client_table **table)
{
    while (*table && (*table)->oldest)
        forget(*table, (*table)->oldest);
    free(*table);
    *table = NULL;
}

static bool make_room(struct srv_client_table *table)
{
    if (table->count < table->max)
        return true;
    for (struct srv_client *client = table->oldest; client; client = client->newer) {
        if (client->holds > 0)
            continue;
        forget(table, client);
        return true;
    }
    return false;
}

static struct srv_client *add(struct srv_client_table *table, const struct srv_client *probe)
{
    struct srv_client *client = make_room(table) ? calloc(1, sizeof *client) : NULL;
    if (!client)
        return NULL;
    memcpy(client->key, probe->key, sizeof client->key);
    if (!tsearch(client, &table->tree, compare)) {
        free(client);
        return NULL;
    }
    link_newest(table, client);
    table->count++;
    return client;
}

struct srv_client *srv_client_table_get(struct srv_client_table *table, const char *name)
{
    struct srv_client probe;
    make_key(name, probe.key);
    /* A node of the tree begins with the pointer to what was put in. */
    struct srv_client *const *node = tfind(&probe, &table->tree, compare);
    if (!node)
        return add(table, &probe);
    unlink_client(table, *node);
    link_newest(table, *node);
    return *node;
}

size_t srv_client_table_count(const struct srv_client_table *table)
{
    return table->count;
}
