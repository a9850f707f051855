#include "server/engine/mailbox.h"

static void on_wake(uv_async_t *wake)
{
    srv_mailbox_deliver((struct srv_mailbox *)wake->data);
}

enum m2c_status srv_mailbox_open(struct srv_mailbox *box, uv_loop_t *loop, struct m2c_error *err)
{
    box->head = NULL;
    box->tail = &box->head;
    if (pthread_mutex_init(&box->lock, NULL) != 0)
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    if (uv_async_init(loop, &box->wake, on_wake) != 0) {
        (void)pthread_mutex_destroy(&box->lock);
        return m2c_fail(err, M2C_INTERNAL, "the loop's wake-up cannot be made");
    }
    box->wake.data = box;
    return M2C_OK;
}

void srv_mailbox_post(struct srv_mailbox *box, struct srv_letter *letter)
{
    letter->next = NULL;
    (void)pthread_mutex_lock(&box->lock);
    *box->tail = letter;
    box->tail = &letter->next;
    (void)pthread_mutex_unlock(&box->lock);
    (void)uv_async_send(&box->wake);
}

void srv_mailbox_deliver(struct srv_mailbox *box)
{
    (void)pthread_mutex_lock(&box->lock);
    struct srv_letter *letter = box->head;
    box->head = NULL;
    box->tail = &box->head;
    (void)pthread_mutex_unlock(&box->lock);
    while (letter) {
        struct srv_letter *next = letter->next;
        letter->deliver(letter);
        letter = next;
    }
}

void srv_mailbox_close(struct srv_mailbox *box, uv_close_cb closed)
{
    (void)pthread_mutex_destroy(&box->lock);
    uv_close((uv_handle_t *)&box->wake, closed);
}
