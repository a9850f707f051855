#include "cli/decode_ahead.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "runtime/clock.h"

struct cli_decode_ahead {
    const struct cli_inputs *inputs;
    struct m2c_decode_plan plan;
    const struct cli_span *spans; /* or NULL */
    double timeout_ms;
    atomic_bool stopping;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool full; /* under the lock: `slot` waits to be taken */
    struct cli_decoded slot;
};

void cli_decoded_destroy(struct cli_decoded *decoded)
{
    m2c_clip_frames_destroy(&decoded->clip);
}

enum m2c_status cli_decoded_open(struct cli_decoded *decoded, const char *input,
                                 struct cli_video_file *file, struct m2c_error *err)
{
    unsigned char digest[M2C_DIGEST_BYTES];
    double started_ms = m2c_clock_ms();
    *decoded = (struct cli_decoded){.input = input};
    enum m2c_status status = cli_video_file_open(input, file, err);
    if (status == M2C_OK)
        status = m2c_digest_bytes(file->bytes, file->size, digest, err);
    if (status == M2C_OK)
        m2c_digest_hex(digest, decoded->content);
    decoded->receive_ms = m2c_clock_ms() - started_ms;
    return status;
}

static void decode_one(struct cli_decode_ahead *ahead, size_t index, struct cli_decoded *decoded)
{
    struct cli_video_file file;
    struct m2c_error failure = {.status = M2C_OK};
    struct m2c_decode_plan plan = ahead->plan;
    failure.status = cli_decoded_open(decoded, ahead->inputs->items[index], &file, &failure);
    double started_ms = m2c_clock_ms();
    plan.cancelled = &ahead->stopping;
    if (ahead->spans) {
        plan.sampling.start_s = ahead->spans[index].start_s;
        plan.sampling.end_s = ahead->spans[index].end_s;
    }
    if (ahead->timeout_ms > 0.0)
        plan.limits.max_wall_ms = ahead->timeout_ms - decoded->receive_ms;
    if (failure.status == M2C_OK)
        failure.status = m2c_video_decode(file.bytes, file.size, &plan, &decoded->clip, &failure);
    decoded->decode_ms = m2c_clock_ms() - started_ms;
    decoded->failure = failure;
    cli_video_file_close(&file);
}

/* Waits until the slot is `full` or not; false when nobody will take anything any more. */
static bool wait_until(struct cli_decode_ahead *ahead, bool full)
{
    while (ahead->full != full && !atomic_load(&ahead->stopping))
        (void)pthread_cond_wait(&ahead->changed, &ahead->lock);
    return ahead->full == full;
}

static void set_full(struct cli_decode_ahead *ahead, bool full)
{
    ahead->full = full;
    (void)pthread_cond_signal(&ahead->changed);
}

static void *run(void *argument)
{
    struct cli_decode_ahead *ahead = argument;
    for (size_t i = 0; i < ahead->inputs->count; i++) {
        struct cli_decoded decoded;
        (void)pthread_mutex_lock(&ahead->lock);
        bool wanted = wait_until(ahead, false);
        (void)pthread_mutex_unlock(&ahead->lock);
        if (!wanted)
            break;
        decode_one(ahead, i, &decoded);
        (void)pthread_mutex_lock(&ahead->lock);
        ahead->slot = decoded;
        set_full(ahead, true);
        (void)pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

enum m2c_status cli_decode_ahead_new(const struct cli_inputs *inputs,
                                     const struct m2c_decode_plan *plan,
                                     const struct cli_span *spans, double timeout_ms,
                                     struct cli_decode_ahead **out, struct m2c_error *err)
{
    struct cli_decode_ahead *ahead = calloc(1, sizeof *ahead);
    *out = NULL;
    if (!ahead)
        return m2c_fail_memory(err, "the decoder", sizeof *ahead);
    ahead->inputs = inputs;
    ahead->plan = *plan;
    ahead->spans = spans;
    ahead->timeout_ms = timeout_ms;
    atomic_init(&ahead->stopping, false);
    (void)pthread_mutex_init(&ahead->lock, NULL);
    (void)pthread_cond_init(&ahead->changed, NULL);
    if (pthread_create(&ahead->thread, NULL, run, ahead) != 0) {
        free(ahead);
        return m2c_fail(err, M2C_INTERNAL, "the decoder's thread cannot be started");
    }
    *out = ahead;
    return M2C_OK;
}

void cli_decode_ahead_next(struct cli_decode_ahead *ahead, struct cli_decoded *out)
{
    (void)pthread_mutex_lock(&ahead->lock);
    (void)wait_until(ahead, true);
    *out = ahead->slot;
    ahead->slot = (struct cli_decoded){0};
    set_full(ahead, false);
    (void)pthread_mutex_unlock(&ahead->lock);
}

void cli_decode_ahead_free(struct cli_decode_ahead **ahead_pointer)
{
    struct cli_decode_ahead *ahead = *ahead_pointer;
    *ahead_pointer = NULL;
    if (!ahead)
        return;
    (void)pthread_mutex_lock(&ahead->lock);
    atomic_store(&ahead->stopping, true);
    (void)pthread_cond_signal(&ahead->changed);
    (void)pthread_mutex_unlock(&ahead->lock);
    (void)pthread_join(ahead->thread, NULL);
    cli_decoded_destroy(&ahead->slot);
    (void)pthread_cond_destroy(&ahead->changed);
    (void)pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
