#include "server/engine/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/engine/thread.h"

/* Frames of one forward pass where a clip has fewer. */
enum { PASS_FRAMES = 16 };

struct srv_scheduler {
    struct srv_mailbox *mailbox;
    struct m2c_team *team;
    struct m2c_encoder *encoder;
    pthread_t thread;
    bool thread_started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct srv_work *head, **tail; /* under the lock */
    bool stopping;                 /* under the lock */
};

static struct srv_work *take(struct srv_scheduler *scheduler)
{
    (void)pthread_mutex_lock(&scheduler->lock);
    while (!scheduler->head && !scheduler->stopping)
        (void)pthread_cond_wait(&scheduler->changed, &scheduler->lock);
    struct srv_work *work = scheduler->head;
    if (work) {
        scheduler->head = work->next;
        if (!scheduler->head)
            scheduler->tail = &scheduler->head;
    }
    (void)pthread_mutex_unlock(&scheduler->lock);
    return work;
}

static bool is_cancelled(const struct srv_work *work)
{
    return work->cancelled && atomic_load_explicit(work->cancelled, memory_order_relaxed);
}

/* A few views a pass: a long list of views must not grow the arena that one clip needs. */
static enum m2c_status run_views(struct srv_scheduler *scheduler, struct srv_work *work)
{
    int views = work->frames->temporal_views * work->frames->spatial_views;
    int portion = PASS_FRAMES / work->frames->frames_per_view;
    portion = portion < 1 ? 1 : portion;
    enum m2c_status status = M2C_OK;
    for (int first = 0; status == M2C_OK && first < views; first += portion) {
        int count = views - first < portion ? views - first : portion;
        status = m2c_pipeline_encode_views(scheduler->encoder, work->set, work->frames, first,
                                           count, work->embedding, work->cancelled, &work->err);
    }
    return status;
}

static enum m2c_status run_texts(struct srv_scheduler *scheduler, struct srv_work *work)
{
    return m2c_pipeline_encode_texts(scheduler->encoder, work->set, work->template_text,
                                     work->texts, work->text_count, work->truncate, "text",
                                     work->vectors, &work->err);
}

static void run_one(struct srv_scheduler *scheduler, struct srv_work *work)
{
    double start_ms = m2c_clock_ms();
    work->wait_ms = start_ms - work->queued_ms;
    memset(&work->err, 0, sizeof work->err);
    if (is_cancelled(work))
        (void)m2c_fail(&work->err, M2C_CANCELLED, "nobody waits for this work");
    else
        work->err.status =
            work->kind == SRV_WORK_VIEWS ? run_views(scheduler, work) : run_texts(scheduler, work);
    work->run_ms = m2c_clock_ms() - start_ms;
}

static void *run(void *argument)
{
    struct srv_scheduler *scheduler = argument;
    struct srv_work *work;
    while ((work = take(scheduler)) != NULL) {
        run_one(scheduler, work);
        srv_mailbox_post(scheduler->mailbox, &work->letter);
    }
    return NULL;
}

static void deliver(struct srv_letter *letter)
{
    struct srv_work *work =
        (struct srv_work *)(void *)((char *)letter - offsetof(struct srv_work, letter));
    work->done(work);
}

static enum m2c_status make_encoder(struct srv_scheduler *scheduler,
                                    const struct srv_scheduler_options *options,
                                    struct m2c_error *err)
{
    enum m2c_status status = m2c_team_new(options->threads, &scheduler->team, err);
    if (status != M2C_OK)
        return status;
    struct m2c_encoder_options encoder = {.team = scheduler->team, .max_frames = M2C_MAX_FRAMES};
    return m2c_encoder_new(options->model, &encoder, &scheduler->encoder, err);
}

enum m2c_status srv_scheduler_new(struct srv_mailbox *mailbox,
                                  const struct srv_scheduler_options *options,
                                  struct srv_scheduler **out, struct m2c_error *err)
{
    struct srv_scheduler *scheduler = calloc(1, sizeof *scheduler);
    if (!scheduler)
        return m2c_fail_memory(err, "the scheduler", sizeof *scheduler);
    scheduler->mailbox = mailbox;
    scheduler->tail = &scheduler->head;
    if (pthread_mutex_init(&scheduler->lock, NULL) != 0 ||
        pthread_cond_init(&scheduler->changed, NULL) != 0) {
        free(scheduler);
        return m2c_fail(err, M2C_INTERNAL, "a lock cannot be made");
    }
    enum m2c_status status = make_encoder(scheduler, options, err);
    if (status == M2C_OK)
        status = srv_thread_start(&scheduler->thread, "m2c-scheduler", run, scheduler, err);
    scheduler->thread_started = status == M2C_OK;
    if (status != M2C_OK)
        srv_scheduler_free(&scheduler);
    *out = scheduler;
    return status;
}

void srv_scheduler_submit(struct srv_scheduler *scheduler, struct srv_work *work)
{
    work->next = NULL;
    work->letter.deliver = deliver;
    work->queued_ms = m2c_clock_ms();
    (void)pthread_mutex_lock(&scheduler->lock);
    *scheduler->tail = work;
    scheduler->tail = &work->next;
    (void)pthread_cond_signal(&scheduler->changed);
    (void)pthread_mutex_unlock(&scheduler->lock);
}

void srv_scheduler_free(struct srv_scheduler **scheduler)
{
    struct srv_scheduler *ending = *scheduler;
    if (!ending)
        return;
    if (ending->thread_started) {
        (void)pthread_mutex_lock(&ending->lock);
        ending->stopping = true;
        (void)pthread_cond_broadcast(&ending->changed);
        (void)pthread_mutex_unlock(&ending->lock);
        (void)pthread_join(ending->thread, NULL);
    }
    m2c_encoder_free(&ending->encoder);
    m2c_team_free(&ending->team);
    (void)pthread_cond_destroy(&ending->changed);
    (void)pthread_mutex_destroy(&ending->lock);
    free(ending);
    *scheduler = NULL;
}
