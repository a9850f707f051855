/* Requests counted so that the books balance: accepted = answered + expired + gone + under way.
 * Loop thread. */
#ifndef SRV_OBSERVE_LEDGER_H
#define SRV_OBSERVE_LEDGER_H

#include <stdint.h>

#include "server/observe/record.h"

struct srv_ledger {
    uint64_t answered, expired, gone; /* of accepted requests */
    uint64_t refused;                 /* answered without being accepted */
};

/* Enters a request that has ended. */
static inline void srv_ledger_enter(struct srv_ledger *ledger, const struct srv_record *record)
{
    if (!record->accepted)
        ledger->refused++;
    else if (record->outcome == SRV_ANSWERED)
        ledger->answered++;
    else if (record->outcome == SRV_EXPIRED)
        ledger->expired++;
    else
        ledger->gone++;
}

#endif
