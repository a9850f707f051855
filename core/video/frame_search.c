#include "video/frame_search.h"

#include <stdio.h>

#include "video/libav_setup.h"

static bool is_concealed(const AVFrame *frame)
{
    return frame->decode_error_flags || frame->flags & AV_FRAME_FLAG_CORRUPT;
}

/* Elsewhere a sign of damage means that the timeline, or a seek, was wrong. */
static bool expects_damage(const struct m2c_timeline *timeline)
{
    return timeline->kind == M2C_TIMELINE_DECODED || timeline->damaged;
}

/* The rank of a frame that came out, or -1 where it cannot be told. A count may restart at a key
 * frame, which must then be the first to come out: its leading pictures cannot be decoded. */
static int64_t rank_frame(struct m2c_frame_search *search, const AVFrame *frame)
{
    if (search->timeline.kind == M2C_TIMELINE_BY_PTS)
        return m2c_timeline_find(&search->timeline, frame->pts);
    const struct m2c_key_packet *entered = search->entered;
    search->entered = NULL;
    return entered && frame->pkt_pos != entered->position ? -1 : search->rank + 1;
}

/* Reads on to frame choice.index[slot] and keeps it. *found = false: it cannot be told, or is not
 * what an undamaged stream would give. */
static enum m2c_status find_frame(struct m2c_frame_search *search, size_t slot, bool *found,
                                  struct m2c_error *err)
{
    int64_t wanted = search->choice.index[slot];
    *found = false;
    do {
        const AVFrame *frame;
        enum m2c_status status = m2c_frame_reader_next(&search->reader, &frame, err);
        if (status || !frame)
            return status;
        search->report.frames_decoded++;
        int64_t before = search->rank;
        search->rank = rank_frame(search, frame);
        if (search->rank <= before)
            return M2C_OK; /* times do not follow the order of showing, or are not the packets' */
        if (search->rank != wanted)
            continue;
        if (is_concealed(frame) && !expects_damage(&search->timeline))
            return M2C_OK;
        *found = true;
        return search->taker->keep(search->taker->context, frame, slot, is_concealed(frame), err);
    } while (search->rank < wanted);
    return M2C_OK;
}

/* Where to start for choice.index[slot], or NULL to read on. */
static const struct m2c_key_packet *worthwhile_key(const struct m2c_frame_search *search,
                                                   size_t slot)
{
    enum { WORTH_FRAMES = 8 }; /* a restart throws away what the decoder holds */
    const struct m2c_key_packet *key =
        m2c_timeline_key_before(&search->timeline, search->choice.index[slot]);
    if (!key)
        return NULL;
    int64_t ahead = search->rank + search->timeline.reorder_delay + WORTH_FRAMES;
    return slot == 0 || key->rank > ahead ? key : NULL;
}

/* Brings the reader to where it shall read on for choice.index[slot]. */
static enum m2c_status position_reader(struct m2c_frame_search *search, size_t slot, bool seeking,
                                       struct m2c_error *err)
{
    const struct m2c_key_packet *key = seeking ? worthwhile_key(search, slot) : NULL;
    bool counting = search->timeline.kind == M2C_TIMELINE_BY_COUNT;
    if (key) {
        search->report.restarts++;
        search->rank = counting ? key->rank - 1 : -1;
        search->entered = counting ? key : NULL;
        return m2c_frame_reader_restart(&search->reader, key, err);
    }
    if (slot > 0)
        return M2C_OK;
    search->rank = -1;
    search->entered = NULL;
    if (search->timeline.kind == M2C_TIMELINE_DECODED)
        return m2c_container_reopen(&search->container, err);
    return m2c_frame_reader_rewind(&search->reader, &search->timeline.first, err);
}

static enum m2c_status read_frames(struct m2c_frame_search *search, bool seeking, bool *complete,
                                   struct m2c_error *err)
{
    *complete = true;
    for (size_t slot = 0; slot < search->choice.count && *complete; slot++) {
        enum m2c_status status = position_reader(search, slot, seeking, err);
        if (!status)
            status = find_frame(search, slot, complete, err);
        if (status)
            return status;
    }
    return M2C_OK;
}

/* One pass over the container for the frames chosen. *complete = false: the timeline was wrong. */
static enum m2c_status decode_choice(struct m2c_frame_search *search, bool *complete,
                                     struct m2c_error *err)
{
    const struct m2c_timeline *timeline = &search->timeline;
    bool seeking = search->strategy == M2C_CLIP_FASTEST;
    bool by_pts = timeline->kind == M2C_TIMELINE_BY_PTS;
    search->report.restarts = 0;
    search->report.frames_decoded = 0;
    enum m2c_status status =
        m2c_frame_reader_open(&search->reader, &search->container, timeline->reorder_delay, err);
    if (!status && seeking && by_pts)
        m2c_frame_reader_want(&search->reader, search->choice.pts, search->choice.count);
    if (!status)
        status = read_frames(search, seeking, complete, err);
    if (!status && search->reader.damaged && !expects_damage(timeline))
        *complete = *complete && search->taker->streams;
    m2c_frame_reader_close(&search->reader);
    return status;
}

static enum m2c_status attempt(struct m2c_frame_search *search, bool *complete,
                               struct m2c_error *err)
{
    m2c_frame_choice_destroy(&search->choice);
    enum m2c_status status =
        search->taker->choose(search->taker->context, &search->timeline, &search->choice, err);
    return status ? status : decode_choice(search, complete, err);
}

/* Whether decoding everything twice, to count and to keep, is within the limits. */
static bool can_count(const struct m2c_frame_search *search)
{
    const AVCodecParameters *parameters = search->container.stream->codecpar;
    double pixels = 2.0 * (double)search->timeline.count * parameters->width * parameters->height;
    return pixels <= (double)search->plan->limits.max_decoded_pixels;
}

/* Whether the frames must be counted by decoding all of them. A damaged stream should, for what the
 * decoder makes of it; one too long for that is taken at its packets' word. */
static bool must_count(const struct m2c_frame_search *search)
{
    if (search->strategy == M2C_CLIP_COUNTED || search->timeline.kind == M2C_TIMELINE_UNKNOWN)
        return true;
    return search->timeline.damaged && can_count(search);
}

/* Counts by decoding, then reads in sequence. */
static enum m2c_status count_and_attempt(struct m2c_frame_search *search, bool *complete,
                                         struct m2c_error *err)
{
    enum m2c_status status = m2c_timeline_decode(&search->container, &search->timeline, err);
    return status ? status : attempt(search, complete, err);
}

/* What a stream too long to be counted is worth without seeks and with what the decoder conceals.
 */
static enum m2c_status attempt_lenient(struct m2c_frame_search *search, bool *complete,
                                       struct m2c_error *err)
{
    search->timeline.damaged = true;
    search->strategy = M2C_CLIP_SEQUENTIAL;
    return attempt(search, complete, err);
}

static enum m2c_status find_frames(struct m2c_frame_search *search, struct m2c_error *err)
{
    bool complete = false;
    enum m2c_status status = m2c_timeline_settle_start(&search->container, &search->timeline, err);
    if (!status && !must_count(search)) {
        status = attempt(search, &complete, err);
        if (status == M2C_UNDECODABLE_VIDEO)
            status = M2C_OK; /* reading in sequence may do better than seeking */
    }
    if (status || complete)
        return status;
    bool lenient = search->taker->streams && search->timeline.kind != M2C_TIMELINE_UNKNOWN &&
                   search->strategy != M2C_CLIP_COUNTED && !can_count(search);
    status = lenient ? attempt_lenient(search, &complete, err)
                     : count_and_attempt(search, &complete, err);
    if (!status && !complete)
        status = m2c_fail(err, M2C_UNDECODABLE_VIDEO, "a frame cannot be decoded a second time");
    return status;
}

enum m2c_status m2c_frame_search_open(struct m2c_frame_search *search, const uint8_t *bytes,
                                      size_t size, struct m2c_error *err)
{
    m2c_libav_setup();
    m2c_libav_forget();
    m2c_budget_start(&search->budget, search->plan);
    return m2c_container_open(&search->container, bytes, size, &search->budget, err);
}

enum m2c_status m2c_frame_search_run(struct m2c_frame_search *search, struct m2c_error *err)
{
    enum m2c_status status = m2c_timeline_walk(&search->container, &search->timeline, err);
    if (!status)
        status = find_frames(search, err);
    search->report.kind = search->timeline.kind;
    return status;
}

struct m2c_video_facts m2c_frame_search_facts(const struct m2c_frame_search *search,
                                              const struct m2c_rgb_converter *rgb)
{
    const struct m2c_timeline *timeline = &search->timeline;
    bool transposed = rgb->orientation.transposed;
    struct m2c_video_facts facts = {
        .width = transposed ? rgb->height : rgb->width,
        .height = transposed ? rgb->width : rgb->height,
        .rotation = rgb->orientation.clockwise_deg,
        .frames = timeline->count,
        .duration_s = m2c_timeline_duration_s(timeline),
        .fps = m2c_timeline_fps(timeline, search->container.stream->avg_frame_rate),
    };
    (void)snprintf(facts.codec, sizeof facts.codec, "%s", search->container.codec->name);
    return facts;
}

void m2c_frame_search_close(struct m2c_frame_search *search)
{
    m2c_frame_choice_destroy(&search->choice);
    m2c_timeline_destroy(&search->timeline);
    m2c_container_close(&search->container);
}
