/* Which frames a video has and when they are shown.
 *
 * Found by a demux-only walk over the packets where that can be trusted to agree with the decoder,
 * else by decoding everything once. What the container claims is never used.
 */
#ifndef M2C_VIDEO_TIMELINE_H
#define M2C_VIDEO_TIMELINE_H

#include "video/container.h"

enum m2c_timeline_kind {
    /* Every shown packet has its own pts: a frame is known by it, in whatever order and from
     * whatever key frame decoding comes to it. */
    M2C_TIMELINE_BY_PTS,
    /* The container states no presentation times: frames are counted as they come out, from the
     * start or from a key frame, and timed by the decoding times in their order. */
    M2C_TIMELINE_BY_COUNT,
    /* Packets do not tell (repeated times, times against the order): decode to know. */
    M2C_TIMELINE_UNKNOWN,
    /* Counted and timed by a decoding pass. */
    M2C_TIMELINE_DECODED,
};

/* A packet that decoding may start from. */
struct m2c_key_packet {
    int64_t pts, dts, position;
    int64_t rank; /* frames shown before it */
};

struct m2c_timeline {
    enum m2c_timeline_kind kind;
    int64_t count;               /* n, frames shown */
    int64_t *pts;                /* [count] in presentation order, in ticks */
    double tick_s;               /* seconds a tick */
    int64_t last_duration;       /* of the last frame shown, in ticks; 0 unknown */
    struct m2c_key_packet first; /* of the walk, whatever its kind; rank 0 */
    struct m2c_key_packet *keys; /* [key_count] in both orders; BY_PTS and BY_COUNT */
    int64_t key_count;
    int64_t doubtful;  /* leading frames, before the first key frame: perhaps not decodable */
    int reorder_delay; /* packets that the decoder must see beyond a frame to show it; BY_PTS only
                        */
    bool damaged;      /* packets or frames could not be read */
};

/* Walks over all packets; leaves `container` at its end. The caller destroys `timeline`.
 * Errors: M2C_UNDECODABLE_VIDEO (encrypted), M2C_NO_VIDEO, M2C_TOO_LONG, M2C_DEADLINE,
 * M2C_CANCELLED, M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_timeline_walk(struct m2c_container *container,
                                               struct m2c_timeline *timeline,
                                               struct m2c_error *err);

/* Decodes the beginning to see which of the doubtful frames come out, and forgets the others. Does
 * nothing where none is doubtful; sets kind UNKNOWN where the beginning is not as the packets say.
 * Errors: as decoding. */
M2C_MUST_USE enum m2c_status m2c_timeline_settle_start(struct m2c_container *container,
                                                       struct m2c_timeline *timeline,
                                                       struct m2c_error *err);

/* Reopens `container`, decodes all of it and sets the timeline to what came out. `timeline` is
 * zeroed or from a walk. Errors as above and as decoding. */
M2C_MUST_USE enum m2c_status m2c_timeline_decode(struct m2c_container *container,
                                                 struct m2c_timeline *timeline,
                                                 struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_timeline_destroy(struct m2c_timeline *timeline);

/* Seconds from the first frame shown to frame `index`. */
double m2c_timeline_time_s(const struct m2c_timeline *timeline, int64_t index);

/* From the first frame to the end of the last, and the mean rate (0 if unknown). */
double m2c_timeline_duration_s(const struct m2c_timeline *timeline);
double m2c_timeline_fps(const struct m2c_timeline *timeline, AVRational stated_rate);

/* The first index whose time is >= seconds; `count` if none. */
int64_t m2c_timeline_at(const struct m2c_timeline *timeline, double seconds);

/* The index of the frame with this pts, or -1. */
int64_t m2c_timeline_find(const struct m2c_timeline *timeline, int64_t pts);

/* The last key packet that frame `index` can be decoded from, or NULL. Borrowed. */
const struct m2c_key_packet *m2c_timeline_key_before(const struct m2c_timeline *timeline,
                                                     int64_t index);

#endif
