/* Which frames of a video are looked at, and which squares of them.
 *
 * Letters: n frames in the range, T frames a clip, A temporal views, B spatial views.
 * (m2clip.md "Preprocessing".) Pure functions; any thread.
 */
#ifndef M2C_VIDEO_SAMPLING_H
#define M2C_VIDEO_SAMPLING_H

#include <stdint.h>

#include "status.h"

enum {
    M2C_MAX_FRAMES = 64,
    M2C_MAX_STRIDE = 256,
    M2C_MAX_TEMPORAL_VIEWS = 10,
    M2C_MAX_SPATIAL_VIEWS = 4,
};

struct m2c_sampling {
    int frames;         /* T, 1..64 */
    int stride;         /* 0 = uniform over the whole range, else 1..256 */
    int temporal_views; /* A, 1..10; more than one needs a stride */
    int spatial_views;  /* B: 1, 3 or 4 */
    double start_s; /* keep frames with start_s <= pts - first pts; NAN or < 0: from the start */
    double end_s;   /* ... and pts - first pts < end_s; NAN or < 0: to the end */
};

/* 8 uniform frames, one view, the whole video. */
struct m2c_sampling m2c_sampling_defaults(void);

/* Checks every range above. M2C_INVALID_REQUEST with `field` one of "frames", "stride", "views",
 * "start_s", "end_s". */
M2C_MUST_USE enum m2c_status m2c_sampling_check(const struct m2c_sampling *sampling,
                                                struct m2c_error *err);

/* Fills indices[A * T] (row a: the frames of temporal view a), each in 0..n-1, non-decreasing in a
 * row. `sampling` has passed m2c_sampling_check; n >= 1.
 *   uniform:  seg = (n - 1) / T, index_i = floor((round(seg i) + round(seg (i + 1))) / 2);
 *   stride s: length = (T - 1) s + 1, a shorter video repeats its last frame up to that length;
 *             slide = max(n, length) - length; view a starts at round(slide / (A - 1) a), a single
 *             view at floor(slide / 2).
 * `round` is half-to-even, as Python's. */
void m2c_sample_indices(const struct m2c_sampling *sampling, int64_t n, int64_t *indices);

/* The corner of spatial view `view` of `views` (1, 3, 4) in a resized frame [height, width] whose
 * sides are both >= size. With the margin m = long side - size, along the long side:
 *   1: floor(m / 2) (and the centre of the short side);  3: 0, m/2, m;  4: 0, m/4, m/2, m. */
void m2c_view_crop(int view, int views, int height, int width, int size, int *top, int *left);

#endif
