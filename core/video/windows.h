/* A long video looked at window by window.
 *
 * Windows of `window_s` seconds begin every `hop_s`, from start_s (or the first frame) on. Each is
 * a clip of its own: its frames are the ones that m2c_video_decode gives for the window's range.
 * The stream is read once however much the windows overlap, and what is held at a time is the
 * windows that overlap one moment, whatever the video's length (8 bytes a frame aside, the times).
 */
#ifndef M2C_VIDEO_WINDOWS_H
#define M2C_VIDEO_WINDOWS_H

#include <stdbool.h>

#include "video/video.h"

enum { M2C_MAX_WINDOW_OVERLAP = 32 };

/* [start_s, end_s) cut into windows: window k is [start_s + k hop_s, start_s + k hop_s + window_s),
 * and ends at end_s at the latest. Window k + 1 exists where it begins before end_s and window k
 * ends before it: a tail that the last window covers, or one shorter than a millisecond, gets none
 * of its own. */
struct m2c_window_grid {
    double window_s, hop_s;
    double start_s, end_s;
};

/* window_s >= 0.1, hop_s >= 0.05, both <= 600, window_s <= 32 hop_s. M2C_INVALID_REQUEST with field
 * "window_s" or "hop_s". */
M2C_MUST_USE enum m2c_status m2c_window_check(double window_s, double hop_s, struct m2c_error *err);

/* How many windows there are, at least 1. */
int64_t m2c_window_count(const struct m2c_window_grid *grid);

double m2c_window_start_s(const struct m2c_window_grid *grid, int64_t index);
double m2c_window_end_s(const struct m2c_window_grid *grid, int64_t index);

/* Where window `index` takes over from the one before it: a window speaks for the hop around its
 * centre, so half an overlap (or half a gap) behind its start; the first from its start on. What
 * window k says holds from here to the same of window k + 1, of the last one to end_s. */
double m2c_window_vote_s(const struct m2c_window_grid *grid, int64_t index);

struct m2c_window {
    int64_t index, count; /* windows in which no frame is shown are passed over and counted */
    struct m2c_window_grid grid;
    double start_s, end_s;
};

/* One window's clip: facts, indices, times and warnings as m2c_video_decode sets them, the cost
 * since the window before. The frames are lent, and destroyed after the call; to keep them, move
 * the struct away and leave an empty one. False ends the decoding (M2C_CANCELLED). Blocking is
 * back-pressure: limits of time do not run meanwhile. */
typedef bool (*m2c_on_window)(void *context, const struct m2c_window *window,
                              struct m2c_clip_frames *frames);

/* Decodes bytes[size] (lent for the call) window by window, in order. plan->sampling is that of
 * every window; its start_s and end_s bound the whole. plan->limits hold for each window (of
 * overlapping ones max_output_bytes for all together), but for max_duration_s, max_packets, and
 * what has to be decoded to count the frames of a video whose packets do not tell. Any thread; one
 * thread is used. Errors: as m2c_video_decode; the windows delivered before stand. */
M2C_MUST_USE enum m2c_status m2c_video_decode_windows(const uint8_t *bytes, size_t size,
                                                      const struct m2c_decode_plan *plan,
                                                      double window_s, double hop_s,
                                                      m2c_on_window on_window, void *context,
                                                      struct m2c_error *err);

#endif
