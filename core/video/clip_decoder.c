#include "video/clip_decoder.h"
#include "runtime/clock.h"

#include <stdio.h>
#include <stdlib.h>

#include "runtime/checked.h"
#include "video/frame_choice.h"
#include "video/frame_reader.h"
#include "video/libav_setup.h"
#include "video/resizer.h"
#include "video/rgb_image.h"

enum { PIXEL_ALIGN = 64 };

struct clip_decoder {
    const struct m2c_decode_plan *plan;
    enum m2c_clip_strategy strategy;
    struct m2c_clip_frames *out;
    struct m2c_clip_report *report;
    struct m2c_budget budget;
    struct m2c_container container;
    struct m2c_timeline timeline;
    struct m2c_frame_choice choice;
    struct m2c_frame_reader reader;
    struct m2c_rgb_converter rgb;
    struct m2c_resizer resizer;
    int64_t rank;                         /* of the last frame that came out, -1 before the first */
    const struct m2c_key_packet *entered; /* where a count restarted; NULL once it is confirmed */
};

static enum m2c_status allocate_pixels(struct clip_decoder *decoder, struct m2c_error *err)
{
    struct m2c_clip_frames *out = decoder->out;
    size_t plane = (size_t)decoder->resizer.width * (size_t)decoder->resizer.height, bytes;
    if (!m2c_checked_multiply3(decoder->choice.count, plane, 3 * sizeof(float), &bytes) ||
        bytes > (uint64_t)decoder->plan->limits.max_output_bytes)
        return m2c_fail(err, M2C_TOO_LONG, "%zu frames of %dx%d exceed %lld bytes",
                        decoder->choice.count, decoder->resizer.width, decoder->resizer.height,
                        (long long)decoder->plan->limits.max_output_bytes);
    void *pixels = NULL;
    if (posix_memalign(&pixels, PIXEL_ALIGN, bytes))
        return m2c_fail_memory(err, "the frames", bytes);
    free(out->pixels);
    out->pixels = pixels;
    out->frame_count = (int)decoder->choice.count;
    out->width = decoder->resizer.width;
    out->height = decoder->resizer.height;
    return M2C_OK;
}

/* Converts and resizes a decoded frame into its slot. */
static enum m2c_status keep_frame(struct clip_decoder *decoder, const AVFrame *frame, size_t slot,
                                  struct m2c_error *err)
{
    double started_ms = m2c_clock_ms();
    struct m2c_rgb_image image;
    enum m2c_status status =
        m2c_frame_size_check(frame->width, frame->height, &decoder->plan->limits, err);
    if (!status)
        status = m2c_rgb_convert(&decoder->rgb, frame, &image, err);
    if (!status && decoder->resizer.width == 0)
        status = m2c_resizer_init(&decoder->resizer, image.width, image.height, decoder->plan, err);
    if (!status && slot == 0)
        status = allocate_pixels(decoder, err);
    if (status)
        return status;
    size_t floats = 3 * (size_t)decoder->out->width * (size_t)decoder->out->height;
    m2c_resizer_run(&decoder->resizer, &image, decoder->out->pixels + slot * floats);
    decoder->out->preprocess_ms += m2c_clock_ms() - started_ms;
    return M2C_OK;
}

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
static int64_t rank_frame(struct clip_decoder *decoder, const AVFrame *frame)
{
    if (decoder->timeline.kind == M2C_TIMELINE_BY_PTS)
        return m2c_timeline_find(&decoder->timeline, frame->pts);
    const struct m2c_key_packet *entered = decoder->entered;
    decoder->entered = NULL;
    return entered && frame->pkt_pos != entered->position ? -1 : decoder->rank + 1;
}

/* Reads on to frame choice.index[slot] and keeps it. *found = false: it cannot be told, or is not
 * what an undamaged stream would give. */
static enum m2c_status find_frame(struct clip_decoder *decoder, size_t slot, bool *found,
                                  struct m2c_error *err)
{
    int64_t wanted = decoder->choice.index[slot];
    *found = false;
    do {
        const AVFrame *frame;
        enum m2c_status status = m2c_frame_reader_next(&decoder->reader, &frame, err);
        if (status || !frame)
            return status;
        decoder->report->frames_decoded++;
        int64_t before = decoder->rank;
        decoder->rank = rank_frame(decoder, frame);
        if (decoder->rank <= before)
            return M2C_OK; /* times do not follow the order of showing, or are not the packets' */
        if (decoder->rank != wanted)
            continue;
        if (is_concealed(frame) && !expects_damage(&decoder->timeline))
            return M2C_OK;
        if (is_concealed(frame))
            decoder->out->warnings |= M2C_CLIP_DAMAGED;
        *found = true;
        return keep_frame(decoder, frame, slot, err);
    } while (decoder->rank < wanted);
    return M2C_OK;
}

/* Where to start for choice.index[slot], or NULL to read on. */
static const struct m2c_key_packet *worthwhile_key(const struct clip_decoder *decoder, size_t slot)
{
    enum { WORTH_FRAMES = 8 }; /* a restart throws away what the decoder holds */
    const struct m2c_key_packet *key =
        m2c_timeline_key_before(&decoder->timeline, decoder->choice.index[slot]);
    if (!key)
        return NULL;
    int64_t ahead = decoder->rank + decoder->timeline.reorder_delay + WORTH_FRAMES;
    return slot == 0 || key->rank > ahead ? key : NULL;
}

/* Brings the reader to where it shall read on for choice.index[slot]. */
static enum m2c_status position_reader(struct clip_decoder *decoder, size_t slot, bool seeking,
                                       struct m2c_error *err)
{
    const struct m2c_key_packet *key = seeking ? worthwhile_key(decoder, slot) : NULL;
    bool counting = decoder->timeline.kind == M2C_TIMELINE_BY_COUNT;
    if (key) {
        decoder->report->restarts++;
        decoder->rank = counting ? key->rank - 1 : -1;
        decoder->entered = counting ? key : NULL;
        return m2c_frame_reader_restart(&decoder->reader, key, err);
    }
    if (slot > 0)
        return M2C_OK;
    decoder->rank = -1;
    decoder->entered = NULL;
    if (decoder->timeline.kind == M2C_TIMELINE_DECODED)
        return m2c_container_reopen(&decoder->container, err);
    return m2c_frame_reader_rewind(&decoder->reader, &decoder->timeline.first, err);
}

static enum m2c_status read_frames(struct clip_decoder *decoder, bool seeking, bool *complete,
                                   struct m2c_error *err)
{
    *complete = true;
    for (size_t slot = 0; slot < decoder->choice.count && *complete; slot++) {
        enum m2c_status status = position_reader(decoder, slot, seeking, err);
        if (!status)
            status = find_frame(decoder, slot, complete, err);
        if (status)
            return status;
    }
    return M2C_OK;
}

/* One pass over the container for the frames chosen. *complete = false: the timeline was wrong. */
static enum m2c_status decode_choice(struct clip_decoder *decoder, bool *complete,
                                     struct m2c_error *err)
{
    const struct m2c_timeline *timeline = &decoder->timeline;
    bool seeking = decoder->strategy == M2C_CLIP_FASTEST;
    bool by_pts = timeline->kind == M2C_TIMELINE_BY_PTS;
    decoder->report->restarts = 0;
    decoder->report->frames_decoded = 0;
    enum m2c_status status =
        m2c_frame_reader_open(&decoder->reader, &decoder->container, timeline->reorder_delay, err);
    if (!status && seeking && by_pts)
        m2c_frame_reader_want(&decoder->reader, decoder->choice.pts, decoder->choice.count);
    if (!status)
        status = read_frames(decoder, seeking, complete, err);
    if (!status && decoder->reader.damaged && !expects_damage(timeline))
        *complete = false;
    m2c_frame_reader_close(&decoder->reader);
    return status;
}

static enum m2c_status attempt(struct clip_decoder *decoder, bool *complete, struct m2c_error *err)
{
    m2c_frame_choice_destroy(&decoder->choice);
    enum m2c_status status = m2c_frame_choice_make(&decoder->timeline, decoder->plan,
                                                   &decoder->choice, decoder->out, err);
    return status ? status : decode_choice(decoder, complete, err);
}

static void describe_stream(const struct clip_decoder *decoder)
{
    struct m2c_video_facts *facts = &decoder->out->facts;
    const struct m2c_rgb_converter *rgb = &decoder->rgb;
    bool transposed = rgb->orientation.transposed;
    (void)snprintf(facts->codec, sizeof facts->codec, "%s", decoder->container.codec->name);
    facts->width = transposed ? rgb->height : rgb->width;
    facts->height = transposed ? rgb->width : rgb->height;
    facts->rotation = rgb->orientation.clockwise_deg;
    facts->frames = decoder->timeline.count;
    facts->duration_s = m2c_timeline_duration_s(&decoder->timeline);
    facts->fps = m2c_timeline_fps(&decoder->timeline, decoder->container.stream->avg_frame_rate);
    decoder->out->decoded_pixels = decoder->budget.decoded_pixels;
    decoder->report->kind = decoder->timeline.kind;
}

/* Whether the frames must be counted by decoding all of them. A damaged stream should, for what the
 * decoder makes of it; one too long for that is taken at its packets' word. */
static bool must_count(const struct clip_decoder *decoder)
{
    const struct m2c_timeline *timeline = &decoder->timeline;
    const AVCodecParameters *parameters = decoder->container.stream->codecpar;
    if (decoder->strategy == M2C_CLIP_COUNTED || timeline->kind == M2C_TIMELINE_UNKNOWN)
        return true;
    double pixels = 2.0 * (double)timeline->count * parameters->width * parameters->height;
    return timeline->damaged && pixels <= (double)decoder->plan->limits.max_decoded_pixels;
}

static enum m2c_status find_frames(struct clip_decoder *decoder, struct m2c_error *err)
{
    bool complete = false;
    enum m2c_status status =
        m2c_timeline_settle_start(&decoder->container, &decoder->timeline, err);
    if (!status && !must_count(decoder)) {
        status = attempt(decoder, &complete, err);
        if (status == M2C_UNDECODABLE_VIDEO)
            status = M2C_OK; /* reading in sequence may do better than seeking */
    }
    if (status || complete)
        return status;
    status = m2c_timeline_decode(&decoder->container, &decoder->timeline, err);
    if (!status)
        status = attempt(decoder, &complete, err);
    if (!status && !complete)
        status = m2c_fail(err, M2C_UNDECODABLE_VIDEO, "a frame cannot be decoded a second time");
    return status;
}

static enum m2c_status run(struct clip_decoder *decoder, const uint8_t *bytes, size_t size,
                           struct m2c_error *err)
{
    enum m2c_status status =
        m2c_container_open(&decoder->container, bytes, size, &decoder->budget, err);
    if (status)
        return status;
    decoder->rgb.orientation = m2c_orientation_of(decoder->container.stream);
    status = m2c_timeline_walk(&decoder->container, &decoder->timeline, err);
    if (!status)
        status = find_frames(decoder, err);
    if (!status)
        describe_stream(decoder);
    return status;
}

enum m2c_status m2c_clip_decode(const uint8_t *bytes, size_t size,
                                const struct m2c_decode_plan *plan, enum m2c_clip_strategy strategy,
                                struct m2c_clip_frames *out, struct m2c_clip_report *report,
                                struct m2c_error *err)
{
    struct clip_decoder decoder = {
        .plan = plan, .strategy = strategy, .out = out, .report = report};
    m2c_libav_setup();
    m2c_libav_forget();
    m2c_budget_start(&decoder.budget, plan);
    enum m2c_status status = run(&decoder, bytes, size, err);
    m2c_resizer_destroy(&decoder.resizer);
    m2c_rgb_converter_destroy(&decoder.rgb);
    m2c_frame_choice_destroy(&decoder.choice);
    m2c_timeline_destroy(&decoder.timeline);
    m2c_container_close(&decoder.container);
    return status;
}
