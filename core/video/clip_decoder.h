/* From bytes to the frames of a clip: container, timeline, frames asked for, pixels. */
#ifndef M2C_VIDEO_CLIP_DECODER_H
#define M2C_VIDEO_CLIP_DECODER_H

#include "video/timeline.h"
#include "video/video.h"

/* All give the same frames; tests compare them. */
enum m2c_clip_strategy {
    M2C_CLIP_FASTEST,    /* seeks over groups of pictures, skips what nothing refers to */
    M2C_CLIP_SEQUENTIAL, /* trusts the packets, decodes every frame up to the last one needed */
    M2C_CLIP_COUNTED,    /* decodes everything once only to count */
};

struct m2c_clip_report {
    enum m2c_timeline_kind kind; /* of the timeline that gave the frames */
    int restarts;                /* at key packets, the first included */
    int64_t frames_decoded;      /* that came out in the last pass */
};

/* As m2c_video_decode for a checked plan, but on failure `out` may be half filled and is still to
 * be destroyed. `report` is filled on success. */
M2C_MUST_USE enum m2c_status m2c_clip_decode(const uint8_t *bytes, size_t size,
                                             const struct m2c_decode_plan *plan,
                                             enum m2c_clip_strategy strategy,
                                             struct m2c_clip_frames *out,
                                             struct m2c_clip_report *report, struct m2c_error *err);

#endif
