/* Which frames of a timeline a plan asks for. */
#ifndef M2C_VIDEO_FRAME_CHOICE_H
#define M2C_VIDEO_FRAME_CHOICE_H

#include "video/timeline.h"
#include "video/video.h"

struct m2c_frame_choice {
    size_t count;   /* F */
    int64_t *index; /* [count] distinct, ascending, counted from the stream's first frame */
    int64_t *pts;   /* [count] */
};

/* Samples the frames in start_s..end_s; fills out->frame_indices, frame_times_s, slots, the view
 * counts and the warnings (replacing earlier ones). The caller destroys `choice`.
 * Errors: M2C_TOO_LONG, M2C_NO_VIDEO (no frame in the range), M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_frame_choice_make(const struct m2c_timeline *timeline,
                                                   const struct m2c_decode_plan *plan,
                                                   struct m2c_frame_choice *choice,
                                                   struct m2c_clip_frames *out,
                                                   struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_frame_choice_destroy(struct m2c_frame_choice *choice);

#endif
