/* The demux-only walk of timeline.h. */
#include <stdlib.h>

#include "video/timeline.h"

#include "runtime/checked.h"

enum { MAX_REORDER_DELAY = 16 }; /* H.264's and HEVC's largest picture buffer */

struct shown_packet {
    int64_t pts, dts;
    uint32_t decode_index;
};

struct walk {
    struct shown_packet *shown;
    struct m2c_key_packet *keys;
    size_t shown_count, shown_capacity, key_count, key_capacity;
    int64_t last_pts, last_duration;
    struct m2c_key_packet first;
    int64_t first_key_pts;
    int64_t latest_before_key; /* pts of what precedes the first key packet */
    bool pts_missing, dts_missing, keys_unordered, untold, damaged, any_packet;
    bool starts_between; /* the first packet is no key packet */
    bool leading;        /* nothing but B-frames since the last key packet */
};

/* Makes room for one more element of `bytes`. */
static enum m2c_status grow(void **array, size_t count, size_t *capacity, size_t bytes,
                            struct m2c_error *err)
{
    if (count < *capacity)
        return M2C_OK;
    size_t wanted = *capacity ? 2 * *capacity : 256, total;
    if (!m2c_checked_multiply(wanted, bytes, &total))
        return m2c_fail_memory(err, "the packet list", SIZE_MAX);
    void *larger = realloc(*array, total);
    if (!larger)
        return m2c_fail_memory(err, "the packet list", total);
    *array = larger;
    *capacity = wanted;
    return M2C_OK;
}

static enum m2c_status add_key(struct walk *walk, const AVPacket *packet, struct m2c_error *err)
{
    void *keys = walk->keys;
    enum m2c_status status =
        grow(&keys, walk->key_count, &walk->key_capacity, sizeof *walk->keys, err);
    walk->keys = keys;
    if (status || !keys)
        return status;
    if (walk->key_count == 0)
        walk->first_key_pts = packet->pts;
    else if (packet->pts <= walk->keys[walk->key_count - 1].pts)
        walk->keys_unordered = true;
    walk->keys[walk->key_count++] = (struct m2c_key_packet){.pts = packet->pts,
                                                            .dts = packet->dts,
                                                            .position = packet->pos,
                                                            .rank = (int64_t)walk->shown_count};
    walk->leading = true;
    return M2C_OK;
}

static enum m2c_status add_shown(struct walk *walk, const AVPacket *packet, struct m2c_error *err)
{
    void *shown = walk->shown;
    enum m2c_status status =
        grow(&shown, walk->shown_count, &walk->shown_capacity, sizeof *walk->shown, err);
    walk->shown = shown;
    if (status || !shown)
        return status;
    walk->pts_missing |= packet->pts == AV_NOPTS_VALUE;
    walk->dts_missing |= packet->dts == AV_NOPTS_VALUE;
    if (walk->shown_count == 0 || packet->pts >= walk->last_pts) {
        walk->last_pts = packet->pts;
        walk->last_duration = packet->duration > 0 ? packet->duration : 0;
    }
    walk->shown[walk->shown_count] = (struct shown_packet){
        .pts = packet->pts, .dts = packet->dts, .decode_index = (uint32_t)walk->shown_count};
    walk->shown_count++;
    return M2C_OK;
}

static enum m2c_status note_packet(struct walk *walk, const struct m2c_codec *codec,
                                   const AVPacket *packet, struct m2c_error *err)
{
    bool key = packet->flags & AV_PKT_FLAG_KEY;
    if (av_packet_get_side_data(packet, AV_PKT_DATA_ENCRYPTION_INFO, NULL))
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "the video is encrypted");
    walk->damaged |= (packet->flags & AV_PKT_FLAG_CORRUPT) != 0;
    walk->starts_between |= !walk->any_packet && !key;
    if (walk->key_count == 0 && !key && packet->pts > walk->latest_before_key)
        walk->latest_before_key = packet->pts;
    if (!walk->any_packet)
        walk->first = (struct m2c_key_packet){
            .pts = packet->pts, .dts = packet->dts, .position = packet->pos};
    walk->any_packet = true;
    int frames = m2c_codec_shown_frames(codec, packet->data, (size_t)packet->size);
    if (frames < 0 || frames > 1)
        walk->untold = true;
    if (frames == 0)
        return M2C_OK;
    const uint8_t *data = packet->data;
    size_t size = (size_t)packet->size;
    walk->leading = walk->leading && !key && m2c_codec_is_bidirectional(codec, data, size);
    if (walk->leading)
        walk->keys[walk->key_count - 1].rank++;
    key = key && (packet->pts != AV_NOPTS_VALUE || m2c_codec_is_entry_point(codec, data, size));
    enum m2c_status status = key ? add_key(walk, packet, err) : M2C_OK;
    if (status || packet->flags & AV_PKT_FLAG_DISCARD)
        return status; /* outside the edit list: decoded, never shown */
    return add_shown(walk, packet, err);
}

static int compare_shown(const void *left, const void *right)
{
    const struct shown_packet *a = left, *b = right;
    if (a->pts != b->pts)
        return a->pts < b->pts ? -1 : 1;
    return (a->decode_index > b->decode_index) - (a->decode_index < b->decode_index);
}

/* How far decoding runs ahead of showing; -1 where two frames claim one time. */
static int64_t reorder_delay(const struct walk *walk)
{
    int64_t delay = 0, latest = 0;
    for (size_t rank = 0; rank < walk->shown_count; rank++) {
        const struct shown_packet *packet = &walk->shown[rank];
        if (rank && packet->pts == packet[-1].pts)
            return -1;
        if (packet->decode_index > latest)
            latest = packet->decode_index;
        if (latest - (int64_t)rank > delay)
            delay = latest - (int64_t)rank;
    }
    return delay;
}

/* Sorts into presentation order and says how far the result can be trusted. */
static enum m2c_timeline_kind settle_order(struct walk *walk, int64_t *delay)
{
    if (!walk->shown || (walk->pts_missing && walk->dts_missing))
        return M2C_TIMELINE_UNKNOWN;
    if (walk->pts_missing)
        for (size_t i = 0; i < walk->shown_count; i++)
            walk->shown[i].pts = walk->shown[i].dts;
    qsort(walk->shown, walk->shown_count, sizeof *walk->shown, compare_shown);
    *delay = reorder_delay(walk);
    if (walk->untold || *delay < 0 || *delay > MAX_REORDER_DELAY)
        return M2C_TIMELINE_UNKNOWN;
    if (walk->pts_missing) {
        bool leading = walk->starts_between || (walk->key_count && walk->keys[0].rank > 0);
        return walk->damaged || leading ? M2C_TIMELINE_UNKNOWN : M2C_TIMELINE_BY_COUNT;
    }
    bool ordered = walk->key_count > 0 && !walk->keys_unordered &&
                   walk->latest_before_key < walk->first_key_pts &&
                   walk->shown[walk->shown_count - 1].pts >= walk->first_key_pts;
    return ordered ? M2C_TIMELINE_BY_PTS : M2C_TIMELINE_UNKNOWN;
}

static void rank_keys(struct m2c_timeline *timeline)
{
    int64_t rank = 0;
    for (int64_t i = 0; i < timeline->key_count; i++) {
        while (rank < timeline->count && timeline->pts[rank] < timeline->keys[i].pts)
            rank++;
        timeline->keys[i].rank = rank;
    }
}

static enum m2c_status settle(struct walk *walk, struct m2c_timeline *timeline,
                              struct m2c_error *err)
{
    int64_t delay = 0;
    timeline->kind = settle_order(walk, &delay);
    timeline->damaged = walk->damaged;
    timeline->first = walk->first;
    if (timeline->kind == M2C_TIMELINE_UNKNOWN)
        return M2C_OK;
    timeline->pts = malloc(walk->shown_count * sizeof *timeline->pts);
    if (!timeline->pts)
        return m2c_fail_memory(err, "the timeline", walk->shown_count * sizeof *timeline->pts);
    for (size_t i = 0; i < walk->shown_count; i++)
        timeline->pts[i] = walk->shown[i].pts;
    timeline->count = (int64_t)walk->shown_count;
    timeline->last_duration = walk->last_duration;
    timeline->keys = walk->keys;
    timeline->key_count = (int64_t)walk->key_count;
    walk->keys = NULL;
    if (timeline->kind == M2C_TIMELINE_BY_PTS) {
        timeline->reorder_delay = (int)delay;
        while (timeline->pts[timeline->doubtful] < walk->first_key_pts)
            timeline->doubtful++;
        rank_keys(timeline);
    }
    return M2C_OK;
}

static enum m2c_status walk_packets(struct m2c_container *container, struct walk *walk,
                                    AVPacket *packet, struct m2c_error *err)
{
    for (;;) {
        bool more, broken = false;
        enum m2c_status status = m2c_container_read(container, packet, &more, &broken, err);
        if (status)
            return status;
        walk->damaged |= broken;
        if (!more)
            return M2C_OK;
        status = m2c_budget_packet(container->input.budget, err);
        if (!status)
            status = note_packet(walk, container->codec, packet, err);
        av_packet_unref(packet);
        if (status)
            return status;
    }
}

enum m2c_status m2c_timeline_walk(struct m2c_container *container, struct m2c_timeline *timeline,
                                  struct m2c_error *err)
{
    *timeline = (struct m2c_timeline){.tick_s = av_q2d(container->stream->time_base)};
    struct walk walk = {.latest_before_key = INT64_MIN};
    AVPacket *packet = av_packet_alloc();
    enum m2c_status status = packet ? walk_packets(container, &walk, packet, err)
                                    : m2c_fail_memory(err, "a packet", sizeof *packet);
    if (!status && walk.shown_count == 0)
        status = m2c_fail(err, M2C_NO_VIDEO, "the video stream has no frames");
    if (!status)
        status = settle(&walk, timeline, err);
    av_packet_free(&packet);
    free(walk.shown);
    free(walk.keys);
    return status;
}
