/* A client's share of the work under way: while others want room too, none may hold more than a
 * part of the budget that admission has. Costs are in admission's own unit. Loop thread.
 *
 *   client = srv_client_table_get(table, name)
 *   srv_shares_allow?  no: 429 rate_limited, and nothing is entered
 *   room in the budget? no: srv_shares_refused, 503 queue_full
 *   srv_shares_enter ... srv_shares_leave, once each
 */
#ifndef SRV_CLIENTS_SHARE_H
#define SRV_CLIENTS_SHARE_H

#include <stdbool.h>

#include "server/clients/client_table.h"

enum { SRV_SHARE_MEMORY_MS = 5000 }; /* for so long a client that found no room counts as waiting */

/* What a decision rests on. */
struct srv_share_facts {
    double budget;      /* all that admission has */
    double client_cost; /* what the client holds of it: cost, or requests */
    double cost;        /* of the request that wants to come in */
    bool contended;     /* another client holds or waits for some */
};

/* The rule itself: a client alone may have everything, and one that holds nothing may have one
 * request whatever it costs. Pure. */
bool srv_share_allows(double percent, const struct srv_share_facts *facts);

/* Who found no room, and when. */
struct srv_refusal {
    char key[SRV_CLIENT_NAME_MAX + 1]; /* "": nobody yet */
    double at_ms;
};

/* The books of all clients. */
struct srv_shares {
    double percent;                /* of the budget: 1..100 */
    size_t max_requests;           /* under way that admission lets in; 0: any number */
    size_t holds;                  /* of all clients */
    struct srv_refusal refused[2]; /* the last client, and the last one that was another */
};

/* Whether `client` may have a request of that cost at `now_ms` (m2c_clock_ms): by what it costs,
 * and by how many it has, since cheap ones take places too. */
bool srv_shares_allow(const struct srv_shares *shares, const struct srv_client *client,
                      double budget, double cost, double now_ms);

/* A request comes in, and leaves at its end. The client stays in its table in between. */
void srv_shares_enter(struct srv_shares *shares, struct srv_client *client, double cost);
void srv_shares_leave(struct srv_shares *shares, struct srv_client *client, double cost);

/* The client found no room: for a while the others must leave it some. */
void srv_shares_refused(struct srv_shares *shares, const struct srv_client *client, double now_ms);

#endif
