#include "server/clients/share.h"

#include <string.h>

bool srv_share_allows(double percent, const struct srv_share_facts *facts)
{
    if (!facts->contended || facts->client_cost <= 0.0)
        return true;
    return facts->client_cost + facts->cost <= facts->budget * percent / 100.0;
}

static bool is_contended(const struct srv_shares *shares, const struct srv_client *client,
                         double now_ms)
{
    if (shares->holds > client->holds)
        return true;
    for (int i = 0; i < 2; i++) {
        const struct srv_refusal *refusal = &shares->refused[i];
        if (refusal->key[0] && strcmp(refusal->key, client->key) != 0 &&
            now_ms - refusal->at_ms < SRV_SHARE_MEMORY_MS)
            return true;
    }
    return false;
}

bool srv_shares_allow(const struct srv_shares *shares, const struct srv_client *client,
                      double budget, double cost, double now_ms)
{
    bool contended = is_contended(shares, client, now_ms);
    const struct srv_share_facts work = {budget, client->held_cost, cost, contended};
    const struct srv_share_facts places = {(double)shares->max_requests, (double)client->holds, 1.0,
                                           contended};
    return srv_share_allows(shares->percent, &work) &&
           (shares->max_requests == 0 || srv_share_allows(shares->percent, &places));
}

void srv_shares_enter(struct srv_shares *shares, struct srv_client *client, double cost)
{
    shares->holds++;
    client->holds++;
    client->held_cost += cost;
}

void srv_shares_leave(struct srv_shares *shares, struct srv_client *client, double cost)
{
    shares->holds--;
    client->holds--;
    /* Sums of fractions do not come back to zero by themselves. */
    client->held_cost = client->holds == 0 ? 0.0 : client->held_cost - cost;
}

void srv_shares_refused(struct srv_shares *shares, const struct srv_client *client, double now_ms)
{
    struct srv_refusal *last = &shares->refused[0];
    if (strcmp(last->key, client->key) != 0) {
        shares->refused[1] = *last;
        memcpy(last->key, client->key, sizeof last->key);
    }
    last->at_ms = now_ms;
}
