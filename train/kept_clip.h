/* A decoded clip kept as bytes: a quarter of what floats take. */
#ifndef TRN_KEPT_CLIP_H
#define TRN_KEPT_CLIP_H

#include "train/rand_augment.h"
#include "video/video.h"

struct trn_kept_clip {
    uint8_t *pixels; /* [F, 3, height, width], owned; NULL: nothing is kept */
    size_t bytes;
    size_t frames, height, width; /* F distinct ones */
    int slots[M2C_MAX_FRAMES];    /* [T] which of them */
};

/* Rounds a clip's normalized values back to bytes. New pixels; destroy in any case. */
M2C_MUST_USE enum m2c_status trn_kept_clip_make(const struct m2c_clip_frames *frames,
                                                const struct trn_colours *colours,
                                                struct trn_kept_clip *clip, struct m2c_error *err);

/* planes [3, height, width] <- frame t, normalized again. */
void trn_kept_clip_frame(const struct trn_kept_clip *clip, const struct trn_colours *colours,
                         size_t t, float *planes);

/* Safe on a zeroed struct. */
void trn_kept_clip_destroy(struct trn_kept_clip *clip);

#endif
