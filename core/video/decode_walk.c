/* The decoding passes of timeline.h, for videos whose packets do not tell. */
#include <stdlib.h>
#include <string.h>

#include "runtime/checked.h"
#include "video/frame_reader.h"
#include "video/timeline.h"

/* Ticks from one frame to the next at the stated rate, at least 1. */
static int64_t nominal_step(const AVStream *stream)
{
    AVRational rate = stream->avg_frame_rate;
    if (rate.num <= 0 || rate.den <= 0 || stream->time_base.num <= 0)
        return 1;
    int64_t step = av_rescale_q(1, av_inv_q(rate), stream->time_base);
    return step > 0 ? step : 1;
}

/* A clock that never runs backwards: where times are missing, repeat or jump back (joined
 * streams), it goes on by one step. */
struct frame_clock {
    int64_t step, offset, last;
    bool started;
};

static int64_t next_time(struct frame_clock *clock, int64_t stated)
{
    int64_t time;
    if (stated == AV_NOPTS_VALUE) {
        time = clock->started ? clock->last + clock->step : 0;
    } else if (__builtin_add_overflow(stated, clock->offset, &time) ||
               (clock->started && time <= clock->last)) {
        time = clock->last + clock->step;
        clock->offset = time - stated;
    }
    clock->started = true;
    clock->last = time;
    return time;
}

static enum m2c_status append(struct m2c_timeline *timeline, size_t *capacity, int64_t pts,
                              struct m2c_error *err)
{
    size_t count = (size_t)timeline->count, bytes;
    if (count == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 256;
        if (!m2c_checked_multiply(wanted, sizeof *timeline->pts, &bytes))
            return m2c_fail_memory(err, "the timeline", SIZE_MAX);
        int64_t *larger = realloc(timeline->pts, bytes);
        if (!larger)
            return m2c_fail_memory(err, "the timeline", bytes);
        timeline->pts = larger;
        *capacity = wanted;
    }
    timeline->pts[timeline->count++] = pts;
    return M2C_OK;
}

static enum m2c_status decode_all(struct m2c_frame_reader *reader, struct m2c_timeline *timeline,
                                  struct m2c_error *err)
{
    struct frame_clock clock = {.step = nominal_step(reader->container->stream)};
    size_t capacity = 0;
    for (;;) {
        const AVFrame *frame;
        enum m2c_status status = m2c_frame_reader_next(reader, &frame, err);
        if (!status && frame)
            status =
                append(timeline, &capacity, next_time(&clock, frame->best_effort_timestamp), err);
        if (status || !frame)
            return status;
        timeline->last_duration = frame->pkt_duration > 0 ? frame->pkt_duration : clock.step;
    }
}

enum m2c_status m2c_timeline_decode(struct m2c_container *container, struct m2c_timeline *timeline,
                                    struct m2c_error *err)
{
    bool damaged = timeline->damaged;
    m2c_timeline_destroy(timeline);
    struct m2c_frame_reader reader = {0};
    enum m2c_status status = m2c_container_reopen(container, err);
    if (!status)
        status = m2c_frame_reader_open(&reader, container, 0, err);
    if (!status) {
        *timeline = (struct m2c_timeline){.kind = M2C_TIMELINE_DECODED,
                                          .tick_s = av_q2d(container->stream->time_base)};
        status = decode_all(&reader, timeline, err);
        timeline->damaged = damaged || reader.damaged;
    }
    if (!status && timeline->count == 0)
        status = m2c_fail(err, M2C_UNDECODABLE_VIDEO, "no frame of the %s stream can be decoded",
                          container->codec->name);
    m2c_frame_reader_close(&reader);
    return status;
}

/* Marks in decodable[doubtful] what comes out before the first frame that is certain.
 * *as_told = false: something else came out, or nothing certain at all. */
static enum m2c_status try_start(struct m2c_frame_reader *reader,
                                 const struct m2c_timeline *timeline, bool *decodable,
                                 bool *as_told, struct m2c_error *err)
{
    *as_told = false;
    for (;;) {
        const AVFrame *frame;
        enum m2c_status status = m2c_frame_reader_next(reader, &frame, err);
        if (status || !frame)
            return status;
        int64_t rank = m2c_timeline_find(timeline, frame->pts);
        *as_told = rank >= timeline->doubtful;
        if (rank < 0 || *as_told)
            return M2C_OK;
        decodable[rank] = true;
    }
}

static void forget_undecodable(struct m2c_timeline *timeline, const bool *decodable)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < timeline->doubtful; i++)
        if (decodable[i])
            timeline->pts[kept++] = timeline->pts[i];
    int64_t dropped = timeline->doubtful - kept;
    timeline->count -= dropped;
    memmove(timeline->pts + kept, timeline->pts + timeline->doubtful,
            (size_t)(timeline->count - kept) * sizeof *timeline->pts);
    for (int64_t i = 0; i < timeline->key_count; i++)
        timeline->keys[i].rank -= dropped;
    timeline->doubtful = 0;
}

enum m2c_status m2c_timeline_settle_start(struct m2c_container *container,
                                          struct m2c_timeline *timeline, struct m2c_error *err)
{
    if (timeline->doubtful == 0)
        return M2C_OK;
    bool as_told = false;
    struct m2c_frame_reader reader = {0};
    bool *decodable = calloc((size_t)timeline->doubtful, sizeof *decodable);
    if (!decodable)
        return m2c_fail_memory(err, "the beginning", (size_t)timeline->doubtful);
    enum m2c_status status =
        m2c_frame_reader_open(&reader, container, timeline->reorder_delay, err);
    if (!status)
        status = m2c_frame_reader_rewind(&reader, &timeline->first, err);
    if (!status)
        status = try_start(&reader, timeline, decodable, &as_told, err);
    if (!status && as_told)
        forget_undecodable(timeline, decodable);
    if (!status && !as_told)
        timeline->kind = M2C_TIMELINE_UNKNOWN;
    m2c_frame_reader_close(&reader);
    free(decodable);
    return status;
}
