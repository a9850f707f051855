#include "server/engine/decoder_pool.h"

#include <stdlib.h>

#include "runtime/clock.h"
#include "server/engine/thread.h"

struct srv_decoder_pool {
    struct srv_mailbox *mailbox;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct srv_decode *head, **tail; /* under the lock */
    bool stopping;                   /* under the lock */
    int started;
    pthread_t threads[];
};

static struct srv_decode *take(struct srv_decoder_pool *pool)
{
    (void)pthread_mutex_lock(&pool->lock);
    while (!pool->head && !pool->stopping)
        (void)pthread_cond_wait(&pool->changed, &pool->lock);
    struct srv_decode *decode = pool->head;
    if (decode) {
        pool->head = decode->next;
        if (!pool->head)
            pool->tail = &pool->head;
    }
    (void)pthread_mutex_unlock(&pool->lock);
    return decode;
}

static void deliver(struct srv_letter *letter)
{
    struct srv_decode *decode =
        (struct srv_decode *)(void *)((char *)letter - offsetof(struct srv_decode, letter));
    if (decode->err.status == M2C_OK)
        decode->on_frames(decode, &decode->frames);
    struct m2c_error err = decode->err;
    decode->done(decode, &err);
}

static void run_one(struct srv_decode *decode)
{
    double start_ms = m2c_clock_ms();
    const atomic_bool *cancelled = decode->plan.cancelled;
    decode->err.status = M2C_OK;
    if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed))
        (void)m2c_fail(&decode->err, M2C_CANCELLED, "nobody waits for this video");
    else
        decode->err.status = m2c_video_decode(decode->bytes, decode->size, &decode->plan,
                                              &decode->frames, &decode->err);
    decode->decode_ms = m2c_clock_ms() - start_ms;
}

static void *run(void *argument)
{
    struct srv_decoder_pool *pool = argument;
    struct srv_decode *decode;
    while ((decode = take(pool)) != NULL) {
        run_one(decode);
        srv_mailbox_post(pool->mailbox, &decode->letter);
    }
    return NULL;
}

enum m2c_status srv_decoder_pool_new(struct srv_mailbox *mailbox, int threads,
                                     struct srv_decoder_pool **out, struct m2c_error *err)
{
    size_t size = sizeof(struct srv_decoder_pool) + (size_t)threads * sizeof(pthread_t);
    struct srv_decoder_pool *pool = calloc(1, size);
    if (!pool)
        return m2c_fail_memory(err, "the decoders", size);
    pool->mailbox = mailbox;
    pool->tail = &pool->head;
    if (pthread_mutex_init(&pool->lock, NULL) != 0 ||
        pthread_cond_init(&pool->changed, NULL) != 0) {
        free(pool);
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    }
    enum m2c_status status = M2C_OK;
    while (status == M2C_OK && pool->started < threads) {
        status = srv_thread_start(&pool->threads[pool->started], "m2c-decoder", run, pool, err);
        pool->started += status == M2C_OK;
    }
    if (status != M2C_OK)
        srv_decoder_pool_free(&pool);
    *out = pool;
    return status;
}

void srv_decoder_submit(struct srv_decoder_pool *pool, struct srv_decode *decode)
{
    decode->next = NULL;
    decode->letter.deliver = deliver;
    (void)pthread_mutex_lock(&pool->lock);
    *pool->tail = decode;
    pool->tail = &decode->next;
    (void)pthread_cond_signal(&pool->changed);
    (void)pthread_mutex_unlock(&pool->lock);
}

void srv_decoder_pool_free(struct srv_decoder_pool **pool)
{
    if (!*pool)
        return;
    (void)pthread_mutex_lock(&(*pool)->lock);
    (*pool)->stopping = true;
    (void)pthread_cond_broadcast(&(*pool)->changed);
    (void)pthread_mutex_unlock(&(*pool)->lock);
    for (int i = 0; i < (*pool)->started; i++)
        (void)pthread_join((*pool)->threads[i], NULL);
    (void)pthread_cond_destroy(&(*pool)->changed);
    (void)pthread_mutex_destroy(&(*pool)->lock);
    free(*pool);
    *pool = NULL;
}
