/* Videos made by the ffmpeg command while a test runs, and what a decoded clip shows of them. */
#ifndef M2C_TEST_MADE_VIDEO_H
#define M2C_TEST_MADE_VIDEO_H

#include <stddef.h>
#include <stdint.h>

#include "video/clip_decoder.h"

/* 40 frames of 25/s, 96x64, frame k of one gray: 16 + 5 k (limited range). */
#define GRAY_RAMP "-f", "lavfi", "-i", "nullsrc=s=96x64:r=25:d=1.6,geq=lum='16+N*5':cb=128:cr=128"

struct made_video {
    uint8_t *bytes; /* NULL: ffmpeg is not installed or lacks a coder */
    size_t size;
};

/* Runs `ffmpeg -y ARGUMENT... FILE` in a directory of its own (made on first use) and reads FILE.
 * `arguments` ends with NULL. The caller frees bytes. */
struct made_video made_video(const char *file, const char *const *arguments);

/* The path of FILE in that directory, for use as an input; static storage, one at a time. */
const char *made_path(const char *file);

/* Removes the directory. As a group teardown: always 0. */
int made_video_cleanup(void **state);

/* Whether the ffmpeg command runs. */
int have_ffmpeg(void);

/* m2c_clip_decode with a failing test on any error. */
struct m2c_clip_frames decode_made(const struct made_video *video,
                                   const struct m2c_decode_plan *plan,
                                   enum m2c_clip_strategy strategy, struct m2c_clip_report *report);

/* Which frame of GRAY_RAMP slot `slot` shows. */
int ramp_frame(const struct m2c_clip_frames *frames, int slot);

/* Fails unless both hold the same frames, pixel by pixel to within `tolerance`. */
void assert_same_clip(const struct m2c_clip_frames *left, const struct m2c_clip_frames *right,
                      double tolerance);

/* Decodes with each strategy and fails unless all agree. Returns the fastest one's clip; its report
 * in *report if not NULL. */
struct m2c_clip_frames decode_all_ways(const struct made_video *video,
                                       const struct m2c_decode_plan *plan,
                                       struct m2c_clip_report *report);

#endif
