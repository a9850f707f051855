#include "server/engine/decoder_pool.h"

#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "server/container.h"
#include "server/engine/thread.h"
#include "server/engine/waiting.h"

/* Of the memory for frames, long work leaves one part in so many to short work. */
enum { SHORT_PART = 4 };

struct decoder {
    struct srv_decoder_pool *pool;
    pthread_t thread;
    bool short_only;
};

struct srv_decoder_pool {
    struct srv_mailbox *mailbox;
    struct srv_decoder_options options;
    struct srv_waiting waiting;       /* the lock and who sleeps on it */
    struct srv_line lines[SRV_LANES]; /* under the lock, as all below */
    struct srv_turns turns;
    bool stopping;
    size_t held_bytes[SRV_LANES];
    size_t running;
    double decode_s;
    uint64_t cancelled, expired;
    int started;
    struct decoder decoders[];
};

static struct srv_decode *decode_at(struct srv_place *place)
{
    return place ? SRV_CONTAINER(place, struct srv_decode, place) : NULL;
}

static void deliver(struct srv_letter *letter)
{
    struct srv_decode *decode = SRV_CONTAINER(letter, struct srv_decode, letter);
    if (decode->err.status == M2C_OK)
        decode->on_frames(decode, &decode->frames);
    struct m2c_error err = decode->err;
    decode->done(decode, &err);
}

/* ---- what is held, under the lock ---- */

static size_t frames_bytes(const struct m2c_clip_frames *frames)
{
    return (size_t)frames->frame_count * 3 * (size_t)frames->height * (size_t)frames->width *
           sizeof(float);
}

/* Before the video's shape is known: frames of 16:9. */
static size_t expected_bytes(const struct m2c_decode_plan *plan)
{
    size_t frames = (size_t)plan->sampling.frames * (size_t)plan->sampling.temporal_views;
    size_t side = (size_t)plan->size_px;
    return frames * 3 * side * (side * 16 / 9) * sizeof(float);
}

static void hold(struct srv_decoder_pool *pool, struct srv_decode *decode, size_t bytes)
{
    pool->held_bytes[decode->lane] += bytes - decode->held_bytes;
    decode->held_bytes = bytes;
}

static size_t all_held_bytes(const struct srv_decoder_pool *pool)
{
    return pool->held_bytes[SRV_LANE_SHORT] + pool->held_bytes[SRV_LANE_LONG];
}

static bool has_room(const struct srv_decoder_pool *pool, const struct srv_decode *decode)
{
    size_t bytes = expected_bytes(&decode->plan);
    size_t held = pool->held_bytes[decode->lane];
    size_t most = pool->options.max_held_bytes;
    if (held == 0 || pool->stopping)
        return true;
    if (decode->lane == SRV_LANE_LONG && held + bytes > most - most / SHORT_PART)
        return false;
    return all_held_bytes(pool) + bytes <= most;
}

/* ---- what is next, under the lock ---- */

static void leave(struct srv_decoder_pool *pool, struct srv_decode *decode)
{
    srv_line_remove(&pool->lines[decode->lane], &decode->place);
    decode->waiting = false;
}

static void drop_expired(struct srv_decoder_pool *pool)
{
    double now_ms = m2c_clock_ms();
    for (int lane = 0; lane < SRV_LANES; lane++) {
        struct srv_decode *decode = decode_at(pool->lines[lane].first);
        while (decode) {
            struct srv_decode *next = decode_at(decode->place.next);
            if (decode->deadline_ms > 0.0 && decode->deadline_ms <= now_ms) {
                leave(pool, decode);
                (void)m2c_fail(&decode->err, M2C_DEADLINE, "the time has passed while it waited");
                decode->wait_ms = now_ms - decode->queued_ms;
                pool->expired++;
                srv_mailbox_post(pool->mailbox, &decode->letter);
            }
            decode = next;
        }
    }
}

/* The next decoding for this thread, or NULL where there is none or no memory for it. */
static struct srv_decode *find_next(struct srv_decoder_pool *pool, const struct decoder *decoder)
{
    struct srv_decode *heads[SRV_LANES];
    for (int lane = 0; lane < SRV_LANES; lane++) {
        heads[lane] = decode_at(pool->lines[lane].first);
        if (heads[lane] && !has_room(pool, heads[lane]))
            heads[lane] = NULL;
    }
    if (decoder->short_only)
        return heads[SRV_LANE_SHORT];
    enum srv_lane lane =
        srv_turns_next(&pool->turns, heads[SRV_LANE_SHORT] != NULL, heads[SRV_LANE_LONG] != NULL);
    if (heads[lane])
        srv_turns_take(&pool->turns, lane, heads[SRV_LANE_LONG] != NULL);
    return heads[lane];
}

static bool is_empty(const struct srv_decoder_pool *pool, const struct decoder *decoder)
{
    return pool->lines[SRV_LANE_SHORT].count == 0 &&
           (decoder->short_only || pool->lines[SRV_LANE_LONG].count == 0);
}

/* Waits for a decoding and takes it; NULL at the end. */
static struct srv_decode *next_decode(struct srv_decoder_pool *pool, const struct decoder *decoder)
{
    for (;;) {
        drop_expired(pool);
        struct srv_decode *decode = find_next(pool, decoder);
        if (decode) {
            leave(pool, decode);
            hold(pool, decode, expected_bytes(&decode->plan));
            pool->running++;
            return decode;
        }
        if (pool->stopping && is_empty(pool, decoder))
            return NULL;
        srv_waiting_sleep(&pool->waiting);
    }
}

/* ---- a thread ---- */

static void run_one(struct srv_decode *decode)
{
    double start_ms = m2c_clock_ms();
    decode->wait_ms = start_ms - decode->queued_ms;
    decode->err.status =
        m2c_video_decode(decode->bytes, decode->size, &decode->plan, &decode->frames, &decode->err);
    decode->decode_ms = m2c_clock_ms() - start_ms;
}

static void *run(void *argument)
{
    struct decoder *decoder = argument;
    struct srv_decoder_pool *pool = decoder->pool;
    const struct m2c_placement placement = {.nice = pool->options.nice};
    struct srv_decode *decode;
    m2c_cpu_place_thread(&placement);
    srv_waiting_lock(&pool->waiting);
    while ((decode = next_decode(pool, decoder)) != NULL) {
        srv_waiting_unlock(&pool->waiting);
        run_one(decode);
        srv_waiting_lock(&pool->waiting);
        hold(pool, decode, frames_bytes(&decode->frames));
        pool->running--;
        pool->decode_s += decode->decode_ms / 1000.0;
        srv_mailbox_post(pool->mailbox, &decode->letter);
        srv_waiting_wake_all(&pool->waiting);
    }
    srv_waiting_unlock(&pool->waiting);
    return NULL;
}

/* ---- life ---- */

enum m2c_status srv_decoder_pool_new(struct srv_mailbox *mailbox,
                                     const struct srv_decoder_options *options,
                                     struct srv_decoder_pool **out, struct m2c_error *err)
{
    size_t size =
        sizeof(struct srv_decoder_pool) + (size_t)options->threads * sizeof(struct decoder);
    struct srv_decoder_pool *pool = calloc(1, size);
    *out = NULL;
    if (!pool)
        return m2c_fail_memory(err, "the decoders", size);
    pool->mailbox = mailbox;
    pool->options = *options;
    enum m2c_status status = srv_waiting_init(&pool->waiting, err);
    if (status != M2C_OK) {
        free(pool);
        return status;
    }
    for (int i = 0; i < options->threads && status == M2C_OK; i++) {
        struct decoder *decoder = &pool->decoders[i];
        decoder->pool = pool;
        decoder->short_only = i == 0 && options->threads > 1;
        status = srv_thread_start(&decoder->thread, "m2c-decoder", run, decoder, err);
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
    decode->queued_ms = m2c_clock_ms();
    decode->err.status = M2C_OK;
    decode->wait_ms = decode->decode_ms = 0.0;
    decode->held_bytes = 0;
    decode->waiting = true;
    atomic_init(&decode->cancelled, false);
    decode->plan.cancelled = &decode->cancelled;
    srv_waiting_lock(&pool->waiting);
    srv_line_append(&pool->lines[decode->lane], &decode->place);
    /* Not every thread may take it, so all look. */
    srv_waiting_wake_all(&pool->waiting);
    srv_waiting_unlock(&pool->waiting);
}

void srv_decoder_cancel(struct srv_decoder_pool *pool, struct srv_decode *decode)
{
    atomic_store_explicit(&decode->cancelled, true, memory_order_relaxed);
    srv_waiting_lock(&pool->waiting);
    if (decode->waiting) {
        leave(pool, decode);
        (void)m2c_fail(&decode->err, M2C_CANCELLED, "nobody waits for this video");
        decode->wait_ms = m2c_clock_ms() - decode->queued_ms;
        srv_mailbox_post(pool->mailbox, &decode->letter);
    }
    pool->cancelled++;
    srv_waiting_unlock(&pool->waiting);
}

void srv_decoder_return(struct srv_decoder_pool *pool, struct srv_decode *decode)
{
    srv_waiting_lock(&pool->waiting);
    hold(pool, decode, 0);
    srv_waiting_wake_all(&pool->waiting);
    srv_waiting_unlock(&pool->waiting);
}

void srv_decoder_stats(struct srv_decoder_pool *pool, struct srv_engine_stats *out)
{
    srv_waiting_lock(&pool->waiting);
    out->decoding = pool->running;
    out->waiting_decodes = pool->lines[SRV_LANE_SHORT].count + pool->lines[SRV_LANE_LONG].count;
    out->decode_s = pool->decode_s;
    out->decoded_bytes = all_held_bytes(pool);
    out->cancelled += pool->cancelled;
    out->expired += pool->expired;
    srv_waiting_unlock(&pool->waiting);
    out->decoders = pool->started;
}

void srv_decoder_pool_stop(struct srv_decoder_pool *pool)
{
    if (!pool)
        return;
    srv_waiting_lock(&pool->waiting);
    pool->stopping = true;
    srv_waiting_wake_all(&pool->waiting);
    srv_waiting_unlock(&pool->waiting);
    while (pool->started > 0)
        (void)pthread_join(pool->decoders[--pool->started].thread, NULL);
}

void srv_decoder_pool_free(struct srv_decoder_pool **pool)
{
    if (!*pool)
        return;
    srv_decoder_pool_stop(*pool);
    srv_waiting_destroy(&(*pool)->waiting);
    free(*pool);
    *pool = NULL;
}
