/* From any thread to the loop: letters are delivered on the loop thread, in the order posted, by
 * one wake-up however many there are. */
#ifndef SRV_ENGINE_MAILBOX_H
#define SRV_ENGINE_MAILBOX_H

#include <pthread.h>
#include <uv.h>

#include "status.h"

/* Embedded in what is sent; untouched by the box after delivery. */
struct srv_letter {
    struct srv_letter *next;
    void (*deliver)(struct srv_letter *letter); /* loop thread */
};

struct srv_mailbox {
    pthread_mutex_t lock;
    struct srv_letter *head, **tail;
    uv_async_t wake;
};

/* Opens a handle on the loop. Loop thread. */
M2C_MUST_USE enum m2c_status srv_mailbox_open(struct srv_mailbox *box, uv_loop_t *loop,
                                              struct m2c_error *err);

/* Any thread; cannot fail. The box must be open. */
void srv_mailbox_post(struct srv_mailbox *box, struct srv_letter *letter);

/* Delivers what is there now. Loop thread. */
void srv_mailbox_deliver(struct srv_mailbox *box);

/* Closes the handle; `closed` is libuv's callback. Nobody may post any more. Loop thread. */
void srv_mailbox_close(struct srv_mailbox *box, uv_close_cb closed);

#endif
