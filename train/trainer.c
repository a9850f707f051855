#include "train/trainer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "model/folder_file.h"
#include "runtime/clock.h"
#include "train/checkpoint.h"
#include "train/order.h"
#include "train/schedule.h"

/* A CMC loss that is switched off still says which label is nearest. */
static const double barely = 1e-12;

struct run {
    const struct trn_run_options *options;
    const struct trn_run_parts *parts;
    const struct trn_run_listener *listener;
    struct trn_run_result *result;
    struct trn_step *step, *judge; /* `judge` validates; NULL without validation */
    struct trn_feed feed, judge_feed;
    struct trn_history history;
    struct trn_progress progress;
    struct trn_schedule schedule;
    size_t *order;
    uint64_t pass_steps;
};

uint64_t trn_run_pass_steps(uint64_t clips, uint64_t batch)
{
    return (clips + batch - 1) / batch;
}

static struct trn_losses judge_weights(const struct run *run)
{
    struct trn_losses weights = run->options->weights;
    if (run->parts->prompts && weights.cmc <= 0)
        weights.cmc = barely;
    return weights;
}

static enum m2c_status open_feed(const struct run *run, struct trn_feed *feed,
                                 struct trn_clip_source *source, double dropout,
                                 struct m2c_error *err)
{
    size_t count = trn_clip_source_count(source);
    size_t batch = run->options->batch < count ? (size_t)run->options->batch : count;
    *feed = (struct trn_feed){.source = source,
                              .prompts = run->parts->prompts,
                              .frames = run->parts->frames,
                              .size = run->parts->size,
                              .width = (size_t)run->parts->model->config.vision.width,
                              .dropout = dropout,
                              .seed = run->options->seed};
    return trn_feed_init(feed, batch, err);
}

static enum m2c_status open_steps(struct run *run, struct m2c_error *err)
{
    const struct trn_run_parts *parts = run->parts;
    struct trn_step_options options = {.weights = run->options->weights,
                                       .recompute = run->options->recompute};
    double dropout = options.weights.vc > 0 ? run->options->dropout : 0;
    enum m2c_status status = open_feed(run, &run->feed, parts->training, dropout, err);
    if (status == M2C_OK)
        status = trn_step_new(&parts->model->network, parts->team, &options, &run->step, err);
    if (status != M2C_OK || !parts->validation)
        return status;
    options.weights = judge_weights(run);
    status = open_feed(run, &run->judge_feed, parts->validation, 0, err);
    if (status == M2C_OK)
        status = trn_step_new(&parts->model->network, parts->team, &options, &run->judge, err);
    return status;
}

static enum m2c_status open_run(struct run *run, struct m2c_error *err)
{
    const struct trn_run_options *options = run->options;
    size_t count = trn_clip_source_count(run->parts->training);
    if (count == 0 ||
        (run->parts->validation && trn_clip_source_count(run->parts->validation) == 0))
        return m2c_fail(err, M2C_INVALID_REQUEST, "no clip is left for %s",
                        count == 0 ? "training" : "validation");
    run->pass_steps = trn_run_pass_steps(count, options->batch);
    run->schedule = (struct trn_schedule){.peak = options->adamw.rate,
                                          .warmup_steps = options->warmup_steps,
                                          .steps = options->epochs * run->pass_steps};
    run->progress = (struct trn_progress){.seed = options->seed, .best = NAN};
    (void)snprintf(run->progress.run, sizeof run->progress.run, "%s", options->facts);
    run->order = calloc(count, sizeof *run->order);
    if (!run->order)
        return m2c_fail_memory(err, "the order of clips", count * sizeof *run->order);
    return open_steps(run, err);
}

static void close_run(struct run *run)
{
    trn_step_free(&run->step);
    trn_step_free(&run->judge);
    trn_feed_destroy(&run->feed);
    trn_feed_destroy(&run->judge_feed);
    trn_history_close(&run->history);
    free(run->order);
}

static enum m2c_status write_state(const struct run *run, const char *name, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status = m2c_folder_path(path, run->options->dir, name, err);
    if (status == M2C_OK)
        status = trn_checkpoint_write(path, run->parts->model->tensors, &run->progress, err);
    return status;
}

static enum m2c_status read_state(struct run *run, const char *name, struct trn_progress *progress,
                                  struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status = m2c_folder_path(path, run->options->dir, name, err);
    if (status == M2C_OK)
        status = trn_checkpoint_read(path, run->parts->model->tensors, progress, err);
    return status;
}

/* The checkpoint, if one is wanted and there, then the history up to it. */
static enum m2c_status resume(struct run *run, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status =
        m2c_folder_path(path, run->options->dir, "checkpoint.safetensors", err);
    if (status == M2C_OK && run->options->resume && m2c_folder_has(path))
        status = read_state(run, "checkpoint.safetensors", &run->progress, err);
    if (status == M2C_OK)
        status = m2c_folder_path(path, run->options->dir, "log.jsonl", err);
    if (status == M2C_OK)
        status = trn_history_open(&run->history, path, run->progress.step, err);
    run->result->resumed_step = run->progress.step;
    return status;
}

/* Losses that are switched off were not measured. */
static struct trn_losses measured(const struct trn_losses *losses, const struct trn_losses *weights)
{
    struct trn_losses shown = *losses;
    shown.contrastive = weights->contrastive > 0 ? losses->contrastive : (double)NAN;
    shown.cmc = weights->cmc > 0 ? losses->cmc : (double)NAN;
    shown.vc = weights->vc > 0 ? losses->vc : (double)NAN;
    shown.cmlm = weights->cmlm > 0 ? losses->cmlm : (double)NAN;
    return shown;
}

static enum m2c_status add_row(struct run *run, const struct trn_history_row *row,
                               struct m2c_error *err)
{
    enum m2c_status status = trn_history_add(&run->history, row, err);
    if (status == M2C_OK && run->listener->row)
        run->listener->row(run->listener->argument, row, run->schedule.steps);
    return status;
}

/* One batch forward and back, and the optimizer's step. */
static enum m2c_status train_batch(struct run *run, struct m2c_error *err)
{
    const struct trn_run_options *options = run->options;
    struct trn_tensors *tensors = run->parts->model->tensors;
    size_t count = trn_clip_source_count(run->parts->training);
    size_t first = (size_t)(run->progress.batch * options->batch);
    size_t clips = count - first < options->batch ? count - first : (size_t)options->batch;
    double begun = m2c_clock_ms();
    struct trn_adamw adamw = options->adamw;
    struct trn_batch batch;
    struct trn_losses losses;
    enum m2c_status status =
        trn_feed_fill(&run->feed, run->order + first, clips, run->progress.epoch, &batch, err);
    if (status == M2C_OK)
        status = trn_batch_check(&run->parts->model->network, &options->weights, &batch, err);
    if (status != M2C_OK)
        return status;
    trn_tensors_clear_gradients(tensors);
    status = trn_step_run(run->step, &batch, &losses, err);
    if (status != M2C_OK)
        return status;
    if (!isfinite(losses.total))
        return m2c_fail(err, M2C_INVALID_REQUEST,
                        "the loss of step %llu is no number: a lower learning rate may help",
                        (unsigned long long)run->progress.step + 1);
    adamw.rate = trn_schedule_rate(&run->schedule, run->progress.step);
    trn_adamw_step(run->parts->team, &adamw, ++run->progress.step, tensors);
    run->progress.batch++;
    const struct trn_history_row row = {.step = run->progress.step,
                                        .epoch = run->progress.epoch,
                                        .losses = measured(&losses, &options->weights),
                                        .rate = adamw.rate,
                                        .vc_top1 = NAN,
                                        .zeroshot_top1 = NAN,
                                        .ms = m2c_clock_ms() - begun};
    return add_row(run, &row, err);
}

static void add_losses(struct trn_losses *sum, const struct trn_losses *losses, double share)
{
    sum->total += share * losses->total;
    sum->contrastive += share * losses->contrastive;
    sum->cmc += share * losses->cmc;
    sum->vc += share * losses->vc;
    sum->cmlm += share * losses->cmlm;
}

/* row <- means over the validation clips. Masked words are those of pass 0, so that every
 * validation is asked the same. */
static enum m2c_status judge(struct run *run, struct trn_history_row *row, struct m2c_error *err)
{
    size_t count = trn_clip_source_count(run->parts->validation), vc = 0, zeroshot = 0;
    struct trn_losses weights = judge_weights(run), sum = {0};
    double begun = m2c_clock_ms();
    for (size_t first = 0; first < count; first += run->judge_feed.capacity) {
        size_t left = count - first;
        size_t clips = left < run->judge_feed.capacity ? left : run->judge_feed.capacity;
        struct trn_batch batch;
        struct trn_losses losses;
        for (size_t i = 0; i < clips; i++)
            run->judge_feed.indices[i] = first + i;
        enum m2c_status status =
            trn_feed_fill(&run->judge_feed, run->judge_feed.indices, clips, 0, &batch, err);
        if (status == M2C_OK)
            status = trn_batch_check(&run->parts->model->network, &weights, &batch, err);
        if (status == M2C_OK)
            status = trn_step_losses(run->judge, &batch, &losses, err);
        if (status != M2C_OK)
            return status;
        struct trn_hits hits = trn_step_hits(run->judge, &batch);
        add_losses(&sum, &losses, (double)clips / (double)count);
        vc += hits.vc;
        zeroshot += hits.zeroshot;
    }
    *row = (struct trn_history_row){
        .step = run->progress.step,
        .epoch = run->progress.epoch,
        .validation = true,
        .losses = measured(&sum, &weights),
        .rate = NAN,
        .vc_top1 = weights.vc > 0 ? (double)vc / (double)count : (double)NAN,
        .zeroshot_top1 = weights.cmc > 0 ? (double)zeroshot / (double)count : (double)NAN,
        .ms = m2c_clock_ms() - begun};
    return M2C_OK;
}

/* The mean share of right answers; the loss decides among equals. */
static double figure_of(const struct trn_history_row *row)
{
    double sum = 0;
    int count = 0;
    if (isfinite(row->vc_top1)) {
        sum += row->vc_top1;
        count++;
    }
    if (isfinite(row->zeroshot_top1)) {
        sum += row->zeroshot_top1;
        count++;
    }
    return (count > 0 ? sum / count : 0) + 1e-6 / (1 + fabs(row->losses.total));
}

static enum m2c_status validate(struct run *run, struct m2c_error *err)
{
    struct trn_history_row row;
    if (!run->parts->validation)
        return M2C_OK;
    enum m2c_status status = judge(run, &row, err);
    if (status == M2C_OK)
        status = add_row(run, &row, err);
    double figure = status == M2C_OK ? figure_of(&row) : 0;
    if (status != M2C_OK || figure <= run->progress.best)
        return status;
    run->progress.best = figure;
    run->progress.best_step = run->progress.step;
    return write_state(run, "best.safetensors", err);
}

static enum m2c_status write_curves(const struct run *run, struct m2c_error *err)
{
    char path[M2C_PATH_BYTES];
    enum m2c_status status = m2c_folder_path(path, run->options->dir, "curves.svg", err);
    return status == M2C_OK ? trn_curves_write(path, &run->history, err) : status;
}

/* A clip that was being decoded when the run was stopped changed nothing yet. */
static enum m2c_status stop_here(struct run *run, struct m2c_error *err)
{
    enum m2c_status status = write_state(run, "checkpoint.safetensors", err);
    return status == M2C_OK ? m2c_fail(err, M2C_CANCELLED, "stopped after step %llu of %llu",
                                       (unsigned long long)run->progress.step,
                                       (unsigned long long)run->schedule.steps)
                            : status;
}

static enum m2c_status train_or_stop(struct run *run, struct m2c_error *err)
{
    bool stop = run->options->stop && atomic_load(run->options->stop);
    enum m2c_status status = stop ? M2C_CANCELLED : train_batch(run, err);
    return status == M2C_CANCELLED ? stop_here(run, err) : status;
}

/* What is left of the pass that runs. */
static enum m2c_status finish_pass(struct run *run, struct m2c_error *err)
{
    const struct trn_run_options *options = run->options;
    enum m2c_status status = M2C_OK;
    trn_epoch_order(options->seed, run->progress.epoch, run->order,
                    trn_clip_source_count(run->parts->training));
    while (status == M2C_OK && run->progress.batch < run->pass_steps) {
        status = train_or_stop(run, err);
        if (status == M2C_OK && options->checkpoint_steps > 0 &&
            run->progress.step % options->checkpoint_steps == 0)
            status = write_state(run, "checkpoint.safetensors", err);
    }
    if (status != M2C_OK)
        return status;
    run->progress.epoch++;
    run->progress.batch = 0;
    status = validate(run, err);
    if (status == M2C_OK)
        status = write_state(run, "checkpoint.safetensors", err);
    return status == M2C_OK ? write_curves(run, err) : status;
}

static bool is_stale(const struct run *run)
{
    return run->options->patience > 0 && isfinite(run->progress.best) &&
           run->progress.step - run->progress.best_step >= run->options->patience * run->pass_steps;
}

/* The row of the weights that are kept. */
static void choose_row(struct run *run)
{
    run->result->chosen = (struct trn_history_row){.vc_top1 = NAN, .zeroshot_top1 = NAN};
    for (size_t i = 0; i < run->history.count; i++)
        if (run->history.rows[i].validation && run->history.rows[i].step == run->progress.best_step)
            run->result->chosen = run->history.rows[i];
}

static enum m2c_status run_all(struct run *run, struct m2c_error *err)
{
    enum m2c_status status = resume(run, err);
    while (status == M2C_OK && run->progress.epoch < run->options->epochs && !is_stale(run))
        status = finish_pass(run, err);
    if (status != M2C_OK)
        return status;
    run->result->steps = run->progress.step;
    run->result->epochs = run->progress.epoch;
    run->result->stopped_early = run->progress.epoch < run->options->epochs;
    choose_row(run);
    struct trn_progress best = run->progress;
    return run->parts->validation ? read_state(run, "best.safetensors", &best, err) : M2C_OK;
}

enum m2c_status trn_run(const struct trn_run_options *options, const struct trn_run_parts *parts,
                        const struct trn_run_listener *listener, struct trn_run_result *result,
                        struct m2c_error *err)
{
    struct run run = {.options = options, .parts = parts, .listener = listener, .result = result};
    *result = (struct trn_run_result){0};
    enum m2c_status status = open_run(&run, err);
    if (status == M2C_OK)
        status = run_all(&run, err);
    close_run(&run);
    return status;
}

/* Memory of a step on the first clips of a feed. */
static enum m2c_status measure_step(const struct run *run, struct trn_step *step,
                                    struct trn_feed *feed, struct trn_run_bytes *bytes,
                                    struct m2c_error *err)
{
    struct trn_batch batch;
    for (size_t i = 0; i < feed->capacity; i++)
        feed->indices[i] = i;
    enum m2c_status status = trn_feed_sketch(feed, feed->indices, feed->capacity, 0, &batch, err);
    if (status == M2C_OK)
        status = trn_batch_check(&run->parts->model->network, &run->options->weights, &batch, err);
    if (status != M2C_OK)
        return status;
    bytes->steps += trn_step_bytes(step, &batch);
    bytes->batches += trn_feed_bytes(feed, feed->capacity);
    bytes->clips += trn_clip_source_bytes(feed->source);
    return M2C_OK;
}

enum m2c_status trn_run_measure(const struct trn_run_options *options,
                                const struct trn_run_parts *parts, struct trn_run_bytes *bytes,
                                struct m2c_error *err)
{
    struct run run = {.options = options, .parts = parts};
    *bytes = (struct trn_run_bytes){.tensors = trn_tensors_bytes(parts->model->tensors)};
    enum m2c_status status = open_run(&run, err);
    if (status == M2C_OK)
        status = measure_step(&run, run.step, &run.feed, bytes, err);
    if (status == M2C_OK && run.judge)
        status = measure_step(&run, run.judge, &run.judge_feed, bytes, err);
    bytes->total = bytes->tensors + bytes->steps + bytes->batches + bytes->clips;
    close_run(&run);
    return status;
}
