#include "server/engine/batch.h"

#include <string.h>

#include "server/container.h"

size_t srv_work_pieces(const struct srv_work *work)
{
    switch (work->kind) {
    case SRV_WORK_TEXTS:
        return work->text_count;
    case SRV_WORK_MASKS:
        return work->masked->masks;
    case SRV_WORK_VIEWS:
        break;
    }
    return (size_t)work->frames->temporal_views * (size_t)work->frames->spatial_views;
}

static struct srv_work *work_at(struct srv_place *place)
{
    return place ? SRV_CONTAINER(place, struct srv_work, place) : NULL;
}

void srv_lanes_enter(struct srv_lanes *lanes, struct srv_work *work)
{
    work->waiting = true;
    srv_line_append(&lanes->lines[work->lane], &work->place);
}

void srv_lanes_leave(struct srv_lanes *lanes, struct srv_work *work)
{
    work->waiting = false;
    srv_line_remove(&lanes->lines[work->lane], &work->place);
}

bool srv_lanes_empty(const struct srv_lanes *lanes)
{
    return lanes->lines[SRV_LANE_SHORT].count == 0 && lanes->lines[SRV_LANE_LONG].count == 0;
}

void srv_lanes_expire(struct srv_lanes *lanes, double now_ms,
                      void (*drop)(struct srv_work *work, void *context), void *context)
{
    for (int lane = 0; lane < SRV_LANES; lane++) {
        struct srv_work *work = work_at(lanes->lines[lane].first);
        while (work) {
            struct srv_work *next = work_at(work->place.next);
            if (work->deadline_ms > 0.0 && work->deadline_ms <= now_ms) {
                srv_lanes_leave(lanes, work);
                drop(work, context);
            }
            work = next;
        }
    }
}

static enum srv_lane next_lane(const struct srv_lanes *lanes)
{
    return srv_turns_next(&lanes->turns, lanes->lines[SRV_LANE_SHORT].count > 0,
                          lanes->lines[SRV_LANE_LONG].count > 0);
}

/* Whether both may go through the network in one pass. */
static bool fit(const struct srv_work *a, const struct srv_work *b)
{
    return a->kind == SRV_WORK_VIEWS && b->kind == SRV_WORK_VIEWS && a->served == b->served &&
           a->set == b->set && a->frames->frames_per_view == b->frames->frames_per_view;
}

static size_t most_clips(const struct srv_work *work, const struct srv_batch_limits *limits)
{
    int by_frames = limits->max_frames / work->frames->frames_per_view;
    int clips = limits->max_clips < by_frames ? limits->max_clips : by_frames;
    if (clips > SRV_BATCH_MAX)
        clips = SRV_BATCH_MAX;
    return clips < 1 ? 1 : (size_t)clips;
}

double srv_batch_due_ms(const struct srv_lanes *lanes, const struct srv_batch_limits *limits)
{
    const struct srv_work *first = work_at(lanes->lines[next_lane(lanes)].first);
    if (limits->max_wait_ms <= 0.0 || first->kind != SRV_WORK_VIEWS)
        return 0.0;
    size_t most = most_clips(first, limits);
    size_t views = 0;
    double oldest_ms = first->queued_ms;
    for (const struct srv_work *work = first; work; work = work_at(work->place.next)) {
        if (!fit(first, work))
            continue;
        views += srv_work_pieces(work) - work->taken;
        if (work->queued_ms < oldest_ms)
            oldest_ms = work->queued_ms;
    }
    return views >= most ? 0.0 : oldest_ms + limits->max_wait_ms;
}

static size_t text_bytes(const struct srv_work *work, size_t index)
{
    return strlen(work->texts[index]) + (work->template_text ? strlen(work->template_text) : 0);
}

/* How many texts from work->taken on make a pass. */
static size_t count_texts(const struct srv_work *work)
{
    size_t count = 1;
    size_t bytes = text_bytes(work, work->taken);
    while (work->taken + count < work->text_count) {
        bytes += text_bytes(work, work->taken + count);
        if (bytes > SRV_PASS_TEXT_BYTES)
            break;
        count++;
    }
    return count;
}

/* A pass of one work's own. */
static void take_part(struct srv_lanes *lanes, struct srv_work *work, size_t count,
                      struct srv_batch *out)
{
    out->first = work->taken;
    out->count = count;
    work->taken += count;
    work->running += count;
    srv_lanes_leave(lanes, work);
    if (work->taken < srv_work_pieces(work))
        srv_lanes_enter(lanes, work);
}

static void take_view(struct srv_work *work, struct srv_batch *out)
{
    out->owners[out->count] = work;
    out->views[out->count++] = (struct m2c_batch_view){
        .clip = work->frames, .view = (int)work->taken, .embedding = work->embedding};
    work->taken++;
    work->running++;
}

/* One view of each that fits, in turn, until the pass is full. Who gave one goes to the end of the
 * line, so the walk ends where the first giver stands again. */
static void take_views(struct srv_lanes *lanes, struct srv_line *line, size_t most,
                       struct srv_batch *out)
{
    const struct srv_work *like = out->owners[0];
    bool any = true;
    while (any && out->count < most) {
        any = false;
        struct srv_work *work = work_at(line->first);
        for (size_t left = line->count; left > 0 && out->count < most; left--) {
            struct srv_work *next = work_at(work->place.next);
            if (fit(like, work)) {
                take_view(work, out);
                srv_lanes_leave(lanes, work);
                if (work->taken < srv_work_pieces(work))
                    srv_lanes_enter(lanes, work);
                any = true;
            }
            work = next;
        }
    }
}

void srv_batch_take(struct srv_lanes *lanes, const struct srv_batch_limits *limits,
                    struct srv_batch *out)
{
    enum srv_lane lane = next_lane(lanes);
    struct srv_line *line = &lanes->lines[lane];
    struct srv_work *first = work_at(line->first);
    srv_turns_take(&lanes->turns, lane, lanes->lines[SRV_LANE_LONG].count > 0);
    out->kind = first->kind;
    out->lane = lane;
    out->served = first->served;
    out->set = first->set;
    out->count = 0;
    out->owners[0] = first;
    atomic_init(&out->cancel, false);
    switch (first->kind) {
    case SRV_WORK_VIEWS:
        take_views(lanes, line, most_clips(first, limits), out);
        break;
    case SRV_WORK_TEXTS:
        take_part(lanes, first, count_texts(first), out);
        break;
    case SRV_WORK_MASKS:
        take_part(lanes, first, 1, out);
        break;
    }
    out->live = out->count;
}

void srv_batch_forget(struct srv_batch *batch, const struct srv_work *work)
{
    size_t gone = 0;
    if (batch->kind != SRV_WORK_VIEWS)
        gone = batch->owners[0] == work ? batch->count : 0;
    for (size_t i = 0; batch->kind == SRV_WORK_VIEWS && i < batch->count; i++)
        gone += batch->owners[i] == work;
    if (gone == 0)
        return;
    batch->live -= gone;
    if (batch->live == 0)
        atomic_store_explicit(&batch->cancel, true, memory_order_relaxed);
}
