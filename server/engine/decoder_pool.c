#include "server/engine/decoder_pool.h"

#include <stdlib.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/queue.h"
#include "server/engine/thread.h"

struct srv_decoder_pool {
    struct srv_mailbox *mailbox;
    struct srv_queue queue;
    int started;
    pthread_t threads[];
};

static void deliver(struct srv_letter *letter)
{
    struct srv_decode *decode = SRV_CONTAINER(letter, struct srv_decode, letter);
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
    struct srv_letter *letter;
    while ((letter = srv_queue_pop(&pool->queue)) != NULL) {
        run_one(SRV_CONTAINER(letter, struct srv_decode, letter));
        srv_mailbox_post(pool->mailbox, letter);
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
    enum m2c_status status = srv_queue_init(&pool->queue, err);
    if (status != M2C_OK) {
        free(pool);
        return status;
    }
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
    decode->letter.deliver = deliver;
    srv_queue_push(&pool->queue, &decode->letter);
}

void srv_decoder_pool_free(struct srv_decoder_pool **pool)
{
    if (!*pool)
        return;
    srv_queue_stop(&(*pool)->queue);
    for (int i = 0; i < (*pool)->started; i++)
        (void)pthread_join((*pool)->threads[i], NULL);
    srv_queue_destroy(&(*pool)->queue);
    free(*pool);
    *pool = NULL;
}
