/* A lock, and those who sleep until something that it guards has changed. The clock is
 * m2c_clock_ms. */
#ifndef SRV_ENGINE_WAITING_H
#define SRV_ENGINE_WAITING_H

#include <pthread.h>

#include "status.h"

struct srv_waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

M2C_MUST_USE enum m2c_status srv_waiting_init(struct srv_waiting *waiting, struct m2c_error *err);
void srv_waiting_destroy(struct srv_waiting *waiting);

void srv_waiting_lock(struct srv_waiting *waiting);
void srv_waiting_unlock(struct srv_waiting *waiting);

/* With the lock held: sleeps until woken, perhaps without reason; until `until_ms` at most. */
void srv_waiting_sleep(struct srv_waiting *waiting);
void srv_waiting_sleep_until(struct srv_waiting *waiting, double until_ms);

/* With the lock held: wakes one sleeper, all of them. */
void srv_waiting_wake(struct srv_waiting *waiting);
void srv_waiting_wake_all(struct srv_waiting *waiting);

#endif
