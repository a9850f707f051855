#include "server/engine/scheduler.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/clock.h"
#include "server/container.h"
#include "server/engine/batch.h"
#include "server/engine/thread.h"
#include "server/engine/waiting.h"

/* Of a pass, where nobody says how many. */
enum { THREADS_A_CLIP = 4, MIN_CLIPS = 2, MAX_CLIPS = 8 };

struct worker {
    struct srv_scheduler *scheduler;
    int index;
    pthread_t thread;
    struct m2c_placement placement;
    bool busy;              /* under the lock: the batch is under way */
    struct srv_batch batch; /* its `live` under the lock */
};

struct srv_scheduler {
    struct srv_mailbox *mailbox;
    struct srv_batch_limits limits;
    struct srv_waiting waiting; /* the lock and who sleeps on it */
    struct srv_lanes lanes;     /* under the lock, as all below */
    bool stopping;
    struct srv_engine_stats stats;

    int *cpus; /* that the process may use, cut up among the workers */
    struct m2c_team **teams;
    int started;
    int worker_count;
    struct worker workers[];
};

/* ---- the ends of work, under the lock ---- */

static void deliver(struct srv_letter *letter)
{
    struct srv_work *work = SRV_CONTAINER(letter, struct srv_work, letter);
    work->done(work);
}

/* Posts work that neither waits nor runs; it may be gone when this returns. */
static void post_if_over(struct srv_scheduler *scheduler, struct srv_work *work)
{
    if (work->waiting || work->running > 0)
        return;
    work->wait_ms = m2c_clock_ms() - work->queued_ms - work->run_ms;
    if (work->wait_ms < 0.0)
        work->wait_ms = 0.0;
    srv_mailbox_post(scheduler->mailbox, &work->letter);
}

/* Takes it out of its lane and of the batches under way. The reason is in its err. */
static void drop(struct srv_scheduler *scheduler, struct srv_work *work)
{
    work->dropped = true;
    if (work->waiting)
        srv_lanes_leave(&scheduler->lanes, work);
    for (int i = 0; work->running > 0 && i < scheduler->worker_count; i++)
        if (scheduler->workers[i].busy)
            srv_batch_forget(&scheduler->workers[i].batch, work);
}

static void on_expired(struct srv_work *work, void *context)
{
    struct srv_scheduler *scheduler = context;
    (void)m2c_fail(&work->err, M2C_DEADLINE, "the time has passed while it waited");
    drop(scheduler, work);
    scheduler->stats.expired++;
    post_if_over(scheduler, work);
}

/* Whether the batch's owner i has no earlier piece in it. */
static bool is_first_piece(const struct srv_batch *batch, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (batch->owners[k] == batch->owners[i])
            return false;
    return true;
}

static void settle_piece(struct srv_scheduler *scheduler, struct srv_work *work, size_t pieces,
                         const struct m2c_error *outcome)
{
    work->running -= pieces;
    if (outcome->status != M2C_OK && !work->dropped) {
        work->err = *outcome;
        drop(scheduler, work);
    }
    post_if_over(scheduler, work);
}

static void settle(struct worker *worker, const struct m2c_error *outcome, double ms)
{
    struct srv_batch *batch = &worker->batch;
    struct srv_scheduler *scheduler = worker->scheduler;
    bool shared = batch->kind == SRV_WORK_VIEWS;
    size_t owners = shared ? batch->count : 1;
    size_t pieces = shared ? 1 : batch->count;
    worker->busy = false;
    for (size_t i = 0; i < owners; i++) {
        struct srv_work *work = batch->owners[i];
        work->share_ms += ms / (double)owners;
        work->run_ms += is_first_piece(batch, i) ? ms : 0.0;
        if (batch->count > work->largest_batch)
            work->largest_batch = batch->count;
    }
    for (size_t i = 0; i < owners; i++)
        settle_piece(scheduler, batch->owners[i], pieces, outcome);
}

/* ---- counting, under the lock ---- */

static void count_batch(struct srv_scheduler *scheduler, const struct srv_batch *batch,
                        const struct m2c_error *outcome, double ms)
{
    struct srv_engine_stats *stats = &scheduler->stats;
    if (batch->kind != SRV_WORK_VIEWS) {
        stats->batches.text_batches++;
        stats->batches.texts += batch->count;
        stats->text_s += ms / 1000.0;
        return;
    }
    int slot = 0;
    while (slot < SRV_BATCH_BOUNDS && batch->count > (size_t)1 << slot)
        slot++;
    stats->batches.by_clips[slot]++;
    stats->batches.clips += batch->count;
    stats->encode_s += ms / 1000.0;
    if (outcome->status == M2C_OK)
        stats->encode_flop +=
            (double)batch->count * m2c_set_clip_flop(batch->set, batch->views[0].embedding->frames);
}

static struct srv_lane_stats lane_stats(struct srv_line *line)
{
    struct srv_lane_stats stats = {0};
    for (struct srv_place *place = line->first; place; place = place->next) {
        const struct srv_work *work = SRV_CONTAINER(place, struct srv_work, place);
        size_t pieces = srv_work_pieces(work);
        size_t left = pieces - work->taken;
        stats.waiting += left;
        stats.cost += work->flop * (double)left / (double)pieces;
    }
    return stats;
}

void srv_scheduler_stats(struct srv_scheduler *scheduler, struct srv_engine_stats *out)
{
    srv_waiting_lock(&scheduler->waiting);
    const struct srv_engine_stats *stats = &scheduler->stats;
    out->batches = stats->batches;
    out->encode_s = stats->encode_s;
    out->encode_flop = stats->encode_flop;
    out->text_s = stats->text_s;
    out->cancelled += stats->cancelled;
    out->expired += stats->expired;
    out->short_lane = lane_stats(&scheduler->lanes.lines[SRV_LANE_SHORT]);
    out->long_lane = lane_stats(&scheduler->lanes.lines[SRV_LANE_LONG]);
    srv_waiting_unlock(&scheduler->waiting);
    out->teams = scheduler->worker_count;
    out->team_size = m2c_team_size(scheduler->teams[0]);
}

/* ---- a worker ---- */

/* A text's place in the list of its work, which is not its place in the pass. */
static void relocate(struct m2c_error *err, size_t first)
{
    const char *bracket = strchr(err->field, '[');
    if (bracket)
        (void)snprintf(err->field, sizeof err->field, "text[%zu]",
                       first + strtoul(bracket + 1, NULL, 10));
}

static void run_texts(struct worker *worker, struct m2c_error *err)
{
    const struct srv_batch *batch = &worker->batch;
    const struct srv_work *work = batch->owners[0];
    size_t dim = (size_t)m2c_set_info(batch->set)->dim;
    err->status =
        m2c_pipeline_encode_texts(srv_served_encoder(batch->served, worker->index), batch->set,
                                  work->template_text, work->texts + batch->first, batch->count,
                                  work->truncate, "text", work->vectors + batch->first * dim, err);
    if (err->status != M2C_OK)
        relocate(err, batch->first);
}

static void run_masks(struct worker *worker, struct m2c_error *err)
{
    const struct srv_batch *batch = &worker->batch;
    const struct srv_work *work = batch->owners[0];
    size_t words = (size_t)m2c_set_info(batch->set)->cmlm_words;
    for (size_t mask = batch->first; mask < batch->first + batch->count; mask++) {
        err->status = m2c_fill_mask(srv_served_encoder(batch->served, worker->index), batch->set,
                                    work->masked, mask, work->embedding,
                                    work->predictions + mask * words, err);
        if (err->status != M2C_OK)
            return;
    }
}

static void run_views(struct worker *worker, struct m2c_error *err)
{
    struct srv_batch *batch = &worker->batch;
    err->status =
        m2c_pipeline_encode_batch(srv_served_encoder(batch->served, worker->index), batch->set,
                                  batch->views, (int)batch->count, &batch->cancel, err);
}

static void run_batch(struct worker *worker, struct m2c_error *err)
{
    memset(err, 0, sizeof *err);
    switch (worker->batch.kind) {
    case SRV_WORK_VIEWS:
        run_views(worker, err);
        break;
    case SRV_WORK_TEXTS:
        run_texts(worker, err);
        break;
    case SRV_WORK_MASKS:
        run_masks(worker, err);
        break;
    }
}

/* Waits for a batch and takes it; false at the end. Under the lock. */
static bool next_batch(struct worker *worker)
{
    struct srv_scheduler *scheduler = worker->scheduler;
    for (;;) {
        double now_ms = m2c_clock_ms();
        srv_lanes_expire(&scheduler->lanes, now_ms, on_expired, scheduler);
        if (srv_lanes_empty(&scheduler->lanes)) {
            if (scheduler->stopping)
                return false;
            srv_waiting_sleep(&scheduler->waiting);
            continue;
        }
        double due_ms =
            scheduler->stopping ? 0.0 : srv_batch_due_ms(&scheduler->lanes, &scheduler->limits);
        if (due_ms <= now_ms)
            break;
        srv_waiting_sleep_until(&scheduler->waiting, due_ms);
    }
    srv_batch_take(&scheduler->lanes, &scheduler->limits, &worker->batch);
    worker->busy = true;
    if (!srv_lanes_empty(&scheduler->lanes))
        srv_waiting_wake(&scheduler->waiting);
    return true;
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    struct srv_scheduler *scheduler = worker->scheduler;
    struct m2c_error outcome;
    m2c_cpu_place_thread(&worker->placement);
    srv_waiting_lock(&scheduler->waiting);
    while (next_batch(worker)) {
        srv_waiting_unlock(&scheduler->waiting);
        double start_ms = m2c_clock_ms();
        run_batch(worker, &outcome);
        double ms = m2c_clock_ms() - start_ms;
        srv_waiting_lock(&scheduler->waiting);
        count_batch(scheduler, &worker->batch, &outcome, ms);
        settle(worker, &outcome, ms);
    }
    srv_waiting_unlock(&scheduler->waiting);
    return NULL;
}

/* ---- life ---- */

/* Cuts threads and cores up evenly; a single worker may run anywhere. */
static void place_worker(struct worker *worker, int cpu_count, int nice)
{
    struct srv_scheduler *scheduler = worker->scheduler;
    int workers = scheduler->worker_count;
    worker->placement.nice = nice;
    if (workers == 1 || cpu_count < workers)
        return;
    int first = (int)((long)cpu_count * worker->index / workers);
    int end = (int)((long)cpu_count * (worker->index + 1) / workers);
    worker->placement.cpus = scheduler->cpus + first;
    worker->placement.cpu_count = end - first;
}

static enum m2c_status start_workers(struct srv_scheduler *scheduler,
                                     const struct srv_scheduler_options *options,
                                     struct m2c_error *err)
{
    int workers = scheduler->worker_count;
    int cpu_count = m2c_cpu_list(scheduler->cpus, CPU_SETSIZE);
    enum m2c_status status = M2C_OK;
    for (int i = 0; i < workers && status == M2C_OK; i++) {
        struct worker *worker = &scheduler->workers[i];
        int threads = options->threads / workers + (i < options->threads % workers);
        worker->scheduler = scheduler;
        worker->index = i;
        place_worker(worker, cpu_count, options->nice);
        status = m2c_team_new_placed(threads, &worker->placement, &scheduler->teams[i], err);
    }
    for (int i = 0; i < workers && status == M2C_OK; i++) {
        struct worker *worker = &scheduler->workers[i];
        status = srv_thread_start(&worker->thread, "m2c-scheduler", run, worker, err);
        scheduler->started += status == M2C_OK;
    }
    return status;
}

/* One clip keeps a few threads busy; more threads share more rows. */
static int most_clips(const struct srv_scheduler_options *options)
{
    int clips = options->threads / options->workers / THREADS_A_CLIP;
    if (options->max_batch_clips > 0)
        return options->max_batch_clips;
    clips = clips < MIN_CLIPS ? MIN_CLIPS : clips;
    return clips > MAX_CLIPS ? MAX_CLIPS : clips;
}

enum m2c_status srv_scheduler_new(struct srv_mailbox *mailbox,
                                  const struct srv_scheduler_options *options,
                                  struct srv_scheduler **out, struct m2c_error *err)
{
    int workers = options->workers < options->threads ? options->workers : options->threads;
    size_t size = sizeof(struct srv_scheduler) + (size_t)workers * sizeof(struct worker);
    struct srv_scheduler *scheduler = calloc(1, size);
    *out = NULL;
    if (!scheduler)
        return m2c_fail_memory(err, "the scheduler", size);
    scheduler->mailbox = mailbox;
    scheduler->worker_count = workers;
    scheduler->limits = (struct srv_batch_limits){.max_clips = most_clips(options),
                                                  .max_frames = SRV_PASS_MAX_FRAMES,
                                                  .max_wait_ms = options->max_wait_ms};
    enum m2c_status status = srv_waiting_init(&scheduler->waiting, err);
    if (status != M2C_OK) {
        free(scheduler);
        return status;
    }
    scheduler->cpus = calloc(CPU_SETSIZE, sizeof *scheduler->cpus);
    scheduler->teams = calloc((size_t)workers, sizeof(struct m2c_team *));
    if (!scheduler->cpus || !scheduler->teams)
        status = m2c_fail_memory(err, "the scheduler", CPU_SETSIZE * sizeof *scheduler->cpus);
    if (status == M2C_OK)
        status = start_workers(scheduler, options, err);
    if (status != M2C_OK)
        srv_scheduler_free(&scheduler);
    *out = scheduler;
    return status;
}

struct m2c_team *const *srv_scheduler_teams(const struct srv_scheduler *scheduler, int *count)
{
    *count = scheduler->worker_count;
    return scheduler->teams;
}

void srv_scheduler_submit(struct srv_scheduler *scheduler, struct srv_work *work)
{
    work->letter.deliver = deliver;
    work->queued_ms = m2c_clock_ms();
    memset(&work->err, 0, sizeof work->err);
    work->taken = work->running = 0;
    work->run_ms = work->share_ms = 0.0;
    work->largest_batch = 0;
    work->dropped = false;
    work->flop = 0.0;
    if (work->kind == SRV_WORK_VIEWS)
        work->flop = (double)srv_work_pieces(work) *
                     m2c_set_clip_flop(work->set, work->frames->frames_per_view);
    srv_waiting_lock(&scheduler->waiting);
    srv_lanes_enter(&scheduler->lanes, work);
    srv_waiting_wake(&scheduler->waiting);
    srv_waiting_unlock(&scheduler->waiting);
}

void srv_scheduler_cancel(struct srv_scheduler *scheduler, struct srv_work *work)
{
    srv_waiting_lock(&scheduler->waiting);
    if ((work->waiting || work->running > 0) && !work->dropped) {
        (void)m2c_fail(&work->err, M2C_CANCELLED, "nobody waits for this work");
        drop(scheduler, work);
        scheduler->stats.cancelled++;
        post_if_over(scheduler, work);
    }
    srv_waiting_unlock(&scheduler->waiting);
}

void srv_scheduler_free(struct srv_scheduler **scheduler)
{
    struct srv_scheduler *ending = *scheduler;
    if (!ending)
        return;
    srv_waiting_lock(&ending->waiting);
    ending->stopping = true;
    srv_waiting_wake_all(&ending->waiting);
    srv_waiting_unlock(&ending->waiting);
    for (int i = 0; i < ending->started; i++)
        (void)pthread_join(ending->workers[i].thread, NULL);
    for (int i = 0; ending->teams && i < ending->worker_count; i++)
        m2c_team_free(&ending->teams[i]);
    srv_waiting_destroy(&ending->waiting);
    free(ending->teams);
    free(ending->cpus);
    free(ending);
    *scheduler = NULL;
}
