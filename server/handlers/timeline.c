#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "runtime/clock.h"
#include "server/handlers/timeline_internal.h"

enum {
    KEEP_ALIVE_MS = 10000,
    PROGRESS_MS = 1000,
    TICK_MS = 1000,
    HELD_TICK_MS = 20,
    HOLD_BYTES = 1 << 20,  /* unsent: the engine is held up */
    GO_ON_BYTES = 1 << 18, /* until so few are left */
    MAX_SEGMENTS = 100000, /* of an answer in one piece */
    MAX_ACCEPT_BYTES = 1024,
};

/* ---- life ---- */

static void on_tick_closed(uv_handle_t *handle)
{
    struct srv_timeline *timeline = handle->data;
    m2c_segmenter_free(&timeline->segmenter);
    proto_writer_destroy(&timeline->writer);
    free(timeline->rows);
    free(timeline->scratch);
    free(timeline->scored);
    free(timeline->best);
    free(timeline->segments);
    free(timeline);
}

void srv_timeline_release(struct srv_timeline **timeline_pointer)
{
    struct srv_timeline *timeline = *timeline_pointer;
    *timeline_pointer = NULL;
    if (!timeline)
        return;
    timeline->exchange = NULL;
    timeline->stream = NULL;
    srv_timeline_job_release(&timeline->job);
    uv_close((uv_handle_t *)&timeline->tick, on_tick_closed);
}

bool srv_timeline_streams(const struct srv_timeline *timeline)
{
    return srv_timeline_form_streams(timeline->form);
}

/* ---- the stream ---- */

static void set_holding(struct srv_timeline *timeline, bool holding)
{
    uint64_t period_ms = holding ? HELD_TICK_MS : TICK_MS;
    if (timeline->holding == holding)
        return;
    timeline->holding = holding;
    uv_timer_set_repeat(&timeline->tick, period_ms);
    (void)uv_timer_again(&timeline->tick);
    srv_timeline_job_hold(timeline->job, holding);
}

/* Keeps an idle stream alive, and lets the engine go on once a slow reader has caught up. */
static void on_tick(uv_timer_t *timer)
{
    struct srv_timeline *timeline = timer->data;
    if (!timeline->stream)
        return;
    size_t waiting = srv_stream_waiting_bytes(timeline->stream);
    if (waiting == 0 && m2c_clock_ms() - timeline->told_ms >= KEEP_ALIVE_MS) {
        srv_timeline_keep_alive(timeline);
        srv_timeline_send(timeline);
    }
    if (timeline->holding && waiting <= GO_ON_BYTES)
        set_holding(timeline, false);
}

/* ---- windows ---- */

static bool make_room(struct srv_timeline *timeline)
{
    if (timeline->segment_count < timeline->segment_capacity)
        return true;
    size_t capacity = timeline->segment_capacity ? 2 * timeline->segment_capacity : 64, bytes;
    if (!m2c_checked_multiply(capacity, sizeof *timeline->segments, &bytes))
        return false;
    struct proto_segment *larger = realloc(timeline->segments, bytes);
    if (!larger)
        return false;
    timeline->segments = larger;
    timeline->segment_capacity = capacity;
    return true;
}

static void on_segment(void *context, const struct m2c_segment *segment)
{
    struct srv_timeline *timeline = context;
    const struct proto_segment shown = {.start_s = segment->start_s,
                                        .end_s = segment->end_s,
                                        .peak_s = segment->peak_s,
                                        .label = timeline->names[segment->index],
                                        .index = segment->index,
                                        .score = segment->score,
                                        .has_similarity = timeline->by_labels,
                                        .similarity = segment->similarity};
    if (srv_timeline_streams(timeline)) {
        srv_timeline_tell_segment(timeline, &shown);
        timeline->segment_count++;
        return;
    }
    if (timeline->segment_count >= MAX_SEGMENTS)
        timeline->trouble = M2C_TOO_LONG;
    else if (!make_room(timeline))
        timeline->trouble = M2C_NO_MEMORY;
    else
        timeline->segments[timeline->segment_count++] = shown;
}

static void score(struct srv_timeline *timeline, const struct m2c_video_embedding *embedding)
{
    const struct srv_label_source *source = timeline->exchange->labels;
    size_t views = (size_t)embedding->views;
    if (timeline->by_labels)
        (void)m2c_score_labels(embedding->video, views, (size_t)embedding->dim, timeline->rows,
                               timeline->count, timeline->rows + timeline->count,
                               source->background_count, timeline->scored, timeline->scratch);
    else
        m2c_score_classes(embedding->vc_logits, views, timeline->count, timeline->scored);
}

static void note_window(struct srv_timeline *timeline, const struct srv_timeline_view *view)
{
    const struct m2c_window *window = view->window;
    unsigned warnings = timeline->facts.warnings | view->clip->warnings;
    timeline->facts = (struct m2c_clip_frames){.facts = view->clip->facts,
                                               .temporal_views = view->clip->temporal_views,
                                               .frames_per_view = view->clip->frames_per_view,
                                               .spatial_views = view->clip->spatial_views,
                                               .warnings = warnings};
    timeline->end_s = window->grid.end_s;
    timeline->progress =
        (struct proto_timeline_progress){.windows_done = window->index + 1,
                                         .windows = window->count,
                                         .time_s = window->end_s,
                                         .duration_s = view->clip->facts.duration_s};
}

/* In a stream the time that may pass counts from window to window. */
static void postpone_deadline(struct srv_exchange *exchange)
{
    uv_timer_set_repeat(&exchange->deadline, (uint64_t)exchange->options.timeout_ms);
    (void)uv_timer_again(&exchange->deadline);
}

static void on_window(struct srv_timeline_job *job, const struct srv_timeline_view *view,
                      void *argument)
{
    struct srv_timeline *timeline = argument;
    struct srv_exchange *exchange = timeline->exchange;
    const struct m2c_window *window = view->window;
    bool streams = srv_timeline_streams(timeline);
    struct m2c_error err;
    (void)job;
    note_window(timeline, view);
    if (streams && !timeline->stream && srv_timeline_open_stream(timeline, &err) != M2C_OK) {
        srv_exchange_fail(exchange, &err);
        return;
    }
    score(timeline, view->embedding);
    if (streams)
        srv_timeline_tell_window(timeline, window);
    const struct m2c_vote vote = {.begin_s = m2c_window_vote_s(&window->grid, window->index),
                                  .peak_s = (window->start_s + window->end_s) / 2,
                                  .scores = timeline->scored};
    m2c_segmenter_vote(timeline->segmenter, &vote, on_segment, timeline);
    if (!streams)
        return;
    postpone_deadline(exchange);
    if (m2c_clock_ms() - timeline->progress_ms >= PROGRESS_MS)
        srv_timeline_tell_progress(timeline);
    srv_timeline_send(timeline);
    if (srv_stream_waiting_bytes(timeline->stream) >= HOLD_BYTES)
        set_holding(timeline, true);
}

/* ---- the end ---- */

static void on_done(struct srv_timeline_job *job, const struct m2c_error *err, void *argument)
{
    struct srv_timeline *timeline = argument;
    struct srv_exchange *exchange = timeline->exchange;
    struct m2c_error trouble = *err;
    (void)job;
    if (trouble.status == M2C_OK)
        m2c_segmenter_finish(timeline->segmenter, timeline->end_s, on_segment, timeline);
    if (trouble.status == M2C_OK && timeline->trouble == M2C_TOO_LONG)
        (void)m2c_fail(&trouble, M2C_TOO_LONG,
                       "more than %d segments make no single answer: take them as a stream",
                       MAX_SEGMENTS);
    else if (trouble.status == M2C_OK && timeline->trouble != M2C_OK)
        (void)m2c_fail_memory(&trouble, "segments", timeline->segment_count);
    if (trouble.status != M2C_OK) {
        srv_exchange_fail(exchange, &trouble);
        return;
    }
    srv_timeline_reply(timeline);
    srv_exchange_end(exchange);
}

/* ---- the beginning ---- */

static enum m2c_status make_scores(struct srv_timeline *timeline, struct m2c_error *err)
{
    const struct srv_exchange *exchange = timeline->exchange;
    const struct srv_label_source *source = exchange->labels;
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    size_t background = source ? source->background_count : 0;
    timeline->by_labels = source != NULL;
    timeline->count = source ? source->label_count : (size_t)info->classes;
    timeline->names = source ? source->names : (const char *const *)info->labels->names;
    timeline->rows = calloc(timeline->count + background + 1, sizeof *timeline->rows);
    timeline->scratch = calloc(timeline->count + background + 1, sizeof *timeline->scratch);
    timeline->scored = calloc(timeline->count + 1, sizeof *timeline->scored);
    timeline->best = calloc(timeline->count + 1, sizeof *timeline->best);
    if (!timeline->rows || !timeline->scratch || !timeline->scored || !timeline->best)
        return m2c_fail_memory(err, "scores", timeline->count * sizeof *timeline->scored);
    if (!source)
        return M2C_OK;
    const float *vectors = srv_label_matrix_rows(srv_label_job_result(exchange->label_job).matrix);
    for (size_t i = 0; i < timeline->count + background; i++)
        timeline->rows[i] = vectors + i * (size_t)info->dim;
    return M2C_OK;
}

static enum m2c_status start_job(struct srv_timeline *timeline, struct m2c_error *err)
{
    struct srv_exchange *exchange = timeline->exchange;
    const struct proto_options *options = &exchange->options;
    const struct srv_timeline_request request = {
        .served = exchange->served,
        .set = exchange->set,
        .sampling = exchange->sampling,
        .window_s = options->window_s,
        .hop_s = options->hop_s,
        .deadline_ms = srv_request_complete_ms(exchange->request) + (double)options->timeout_ms,
        .video = srv_exchange_take_video(&exchange->items[0]),
        .on_window = on_window,
        .done = on_done,
        .argument = timeline,
    };
    return srv_timeline_job_start(exchange->handlers->engine, &request, &timeline->job, err);
}

enum m2c_status srv_timeline_start(struct srv_exchange *exchange, struct m2c_error *err)
{
    const struct proto_options *options = &exchange->options;
    const struct m2c_segment_rules rules = {.threshold = options->threshold,
                                            .threshold_end = options->threshold_end,
                                            .min_segment_s = options->min_segment_s,
                                            .merge_gap_s = options->merge_gap_s};
    char accept[MAX_ACCEPT_BYTES];
    struct srv_timeline *timeline = calloc(1, sizeof *timeline);
    if (!timeline)
        return m2c_fail_memory(err, "a timeline", sizeof *timeline);
    timeline->exchange = exchange;
    exchange->timeline = timeline;
    (void)srv_request_header_list(exchange->request, "Accept", accept, sizeof accept);
    timeline->form = srv_timeline_form_of(accept);
    (void)uv_timer_init(srv_engine_loop(exchange->handlers->engine), &timeline->tick);
    timeline->tick.data = timeline;
    (void)uv_timer_start(&timeline->tick, on_tick, TICK_MS, TICK_MS);
    enum m2c_status status = make_scores(timeline, err);
    if (status == M2C_OK)
        status = m2c_segmenter_new(&rules, timeline->count, &timeline->segmenter, err);
    return status == M2C_OK ? start_job(timeline, err) : status;
}
