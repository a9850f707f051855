/* How many requests a client may make: a token bucket each. Pure but for the client's own bucket.
 */
#ifndef SRV_CLIENTS_RATE_LIMIT_H
#define SRV_CLIENTS_RATE_LIMIT_H

#include <stdbool.h>

#include "server/clients/client_table.h"
#include "status.h"

/* Zeroed: no limit. */
struct srv_rate {
    double per_second; /* tokens that come back */
    double burst;      /* that a rested client may take at once */
};

/* Reads "N", "N/s" or "N/m", each with ":BURST"; BURST is N where none is given, 1 at least. N and
 * BURST are whole, 1..1000000. M2C_USAGE, field `rate-limit`, for anything else. */
M2C_MUST_USE enum m2c_status srv_rate_parse(const char *text, struct srv_rate *out,
                                            struct m2c_error *err);

/* Takes a token for a request at `now_ms` (m2c_clock_ms). False where there is none, with the time
 * until there is one in `*retry_after_ms`. Always true without a limit. */
bool srv_rate_take(const struct srv_rate *rate, struct srv_client *client, double now_ms,
                   long long *retry_after_ms);

#endif
