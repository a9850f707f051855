/* From the loop to threads: letters wait, first come, first served, until a thread takes them. */
#ifndef SRV_ENGINE_QUEUE_H
#define SRV_ENGINE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>

#include "server/engine/mailbox.h"

struct srv_queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct srv_letter *head, **tail; /* under the lock */
    bool stopping;                   /* under the lock */
};

M2C_MUST_USE enum m2c_status srv_queue_init(struct srv_queue *queue, struct m2c_error *err);

/* No thread may use it any more. */
void srv_queue_destroy(struct srv_queue *queue);

/* Any thread; cannot fail. */
void srv_queue_push(struct srv_queue *queue, struct srv_letter *letter);

/* The next letter; waits for one. NULL once the queue is stopped and empty. Any thread. */
struct srv_letter *srv_queue_pop(struct srv_queue *queue);

/* Wakes all who wait; what is queued is still handed out. */
void srv_queue_stop(struct srv_queue *queue);

#endif
