#include "server/engine/queue.h"

enum m2c_status srv_queue_init(struct srv_queue *queue, struct m2c_error *err)
{
    queue->head = NULL;
    queue->tail = &queue->head;
    queue->stopping = false;
    if (pthread_mutex_init(&queue->lock, NULL) != 0)
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    if (pthread_cond_init(&queue->changed, NULL) != 0) {
        (void)pthread_mutex_destroy(&queue->lock);
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    }
    return M2C_OK;
}

void srv_queue_destroy(struct srv_queue *queue)
{
    (void)pthread_cond_destroy(&queue->changed);
    (void)pthread_mutex_destroy(&queue->lock);
}

void srv_queue_push(struct srv_queue *queue, struct srv_letter *letter)
{
    letter->next = NULL;
    (void)pthread_mutex_lock(&queue->lock);
    *queue->tail = letter;
    queue->tail = &letter->next;
    (void)pthread_cond_signal(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
}

struct srv_letter *srv_queue_pop(struct srv_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    while (!queue->head && !queue->stopping)
        (void)pthread_cond_wait(&queue->changed, &queue->lock);
    struct srv_letter *letter = queue->head;
    if (letter) {
        queue->head = letter->next;
        if (!queue->head)
            queue->tail = &queue->head;
    }
    (void)pthread_mutex_unlock(&queue->lock);
    return letter;
}

void srv_queue_stop(struct srv_queue *queue)
{
    (void)pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    (void)pthread_cond_broadcast(&queue->changed);
    (void)pthread_mutex_unlock(&queue->lock);
}
