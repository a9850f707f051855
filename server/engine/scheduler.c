#include "server/engine/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/queue.h"
#include "server/engine/thread.h"

/* Frames of one forward pass where a clip has fewer. */
enum { PASS_FRAMES = 16 };

struct srv_scheduler {
    struct srv_mailbox *mailbox;
    struct m2c_team *team;
    pthread_t thread;
    bool thread_started;
    struct srv_queue queue;
};

static struct m2c_encoder *encoder_of(const struct srv_work *work)
{
    return srv_served_encoder(work->served, 0);
}

static bool is_cancelled(const struct srv_work *work)
{
    return work->cancelled && atomic_load_explicit(work->cancelled, memory_order_relaxed);
}

/* A few views a pass: a long list of views must not grow the arena that one clip needs. */
static enum m2c_status run_views(struct srv_work *work)
{
    int views = work->frames->temporal_views * work->frames->spatial_views;
    int portion = PASS_FRAMES / work->frames->frames_per_view;
    portion = portion < 1 ? 1 : portion;
    enum m2c_status status = M2C_OK;
    for (int first = 0; status == M2C_OK && first < views; first += portion) {
        int count = views - first < portion ? views - first : portion;
        status = m2c_pipeline_encode_views(encoder_of(work), work->set, work->frames, first, count,
                                           work->embedding, work->cancelled, &work->err);
    }
    return status;
}

static enum m2c_status run_texts(struct srv_work *work)
{
    return m2c_pipeline_encode_texts(encoder_of(work), work->set, work->template_text, work->texts,
                                     work->text_count, work->truncate, "text", work->vectors,
                                     &work->err);
}

static void run_one(struct srv_work *work)
{
    double start_ms = m2c_clock_ms();
    work->wait_ms = start_ms - work->queued_ms;
    memset(&work->err, 0, sizeof work->err);
    if (is_cancelled(work))
        (void)m2c_fail(&work->err, M2C_CANCELLED, "nobody waits for this work");
    else
        work->err.status = work->kind == SRV_WORK_VIEWS ? run_views(work) : run_texts(work);
    work->run_ms = m2c_clock_ms() - start_ms;
}

static void *run(void *argument)
{
    struct srv_scheduler *scheduler = argument;
    struct srv_letter *letter;
    while ((letter = srv_queue_pop(&scheduler->queue)) != NULL) {
        run_one(SRV_CONTAINER(letter, struct srv_work, letter));
        srv_mailbox_post(scheduler->mailbox, letter);
    }
    return NULL;
}

static void deliver(struct srv_letter *letter)
{
    struct srv_work *work = SRV_CONTAINER(letter, struct srv_work, letter);
    work->done(work);
}

enum m2c_status srv_scheduler_new(struct srv_mailbox *mailbox,
                                  const struct srv_scheduler_options *options,
                                  struct srv_scheduler **out, struct m2c_error *err)
{
    struct srv_scheduler *scheduler = calloc(1, sizeof *scheduler);
    if (!scheduler)
        return m2c_fail_memory(err, "the scheduler", sizeof *scheduler);
    scheduler->mailbox = mailbox;
    enum m2c_status status = srv_queue_init(&scheduler->queue, err);
    if (status != M2C_OK) {
        free(scheduler);
        return status;
    }
    status = m2c_team_new(options->threads, &scheduler->team, err);
    if (status == M2C_OK)
        status = srv_thread_start(&scheduler->thread, "m2c-scheduler", run, scheduler, err);
    scheduler->thread_started = status == M2C_OK;
    if (status != M2C_OK)
        srv_scheduler_free(&scheduler);
    *out = scheduler;
    return status;
}

struct m2c_team *const *srv_scheduler_teams(const struct srv_scheduler *scheduler, int *count)
{
    *count = 1;
    return &scheduler->team;
}

void srv_scheduler_submit(struct srv_scheduler *scheduler, struct srv_work *work)
{
    work->letter.deliver = deliver;
    work->queued_ms = m2c_clock_ms();
    srv_queue_push(&scheduler->queue, &work->letter);
}

void srv_scheduler_free(struct srv_scheduler **scheduler)
{
    struct srv_scheduler *ending = *scheduler;
    if (!ending)
        return;
    if (ending->thread_started) {
        srv_queue_stop(&ending->queue);
        (void)pthread_join(ending->thread, NULL);
    }
    m2c_team_free(&ending->team);
    srv_queue_destroy(&ending->queue);
    free(ending);
    *scheduler = NULL;
}
