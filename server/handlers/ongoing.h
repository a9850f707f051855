/* Requests under way that are no video requests: what a drain must be able to end. Loop thread. */
#ifndef SRV_HANDLERS_ONGOING_H
#define SRV_HANDLERS_ONGOING_H

#include "server/handlers/handlers.h"

/* Embedded in what is under way. */
struct srv_ongoing {
    struct srv_ongoing *next, *previous;
    /* Answers with it and leaves the list. */
    void (*fail)(struct srv_ongoing *ongoing, const struct m2c_error *err);
};

void srv_ongoing_enter(struct srv_handlers *handlers, struct srv_ongoing *ongoing);
void srv_ongoing_leave(struct srv_handlers *handlers, struct srv_ongoing *ongoing);

/* Answers all with `err`. */
void srv_ongoing_fail_all(struct srv_handlers *handlers, const struct m2c_error *err);

#endif
