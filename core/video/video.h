/* A video in memory -> the frames that a model looks at, resized and normalised.
 *
 * Everything that knows libav is in this room, and the room knows nothing of models or JSON, so a
 * sandboxed decoder process can link it alone (with kernels and runtime).
 */
#ifndef M2C_VIDEO_H
#define M2C_VIDEO_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"
#include "video/sampling.h"

enum m2c_resize {
    /* M2-CLIP's: normalise, then bicubic of floats (a = -0.75), no anti-aliasing. */
    M2C_RESIZE_BICUBIC,
    /* CLIP's own processor: 8-bit bicubic with anti-aliasing (Pillow's, a = -0.5), then normalise.
     */
    M2C_RESIZE_BICUBIC_ANTIALIAS,
};

struct m2c_decode_limits {
    int64_t max_pixels;         /* of one frame, as coded: 16,777,216 */
    int max_side_ratio;         /* long side : short side at most 4 */
    double max_duration_s;      /* last pts - first pts: 21,600 (6 h) */
    double max_wall_ms;         /* of the whole call: 30,000 */
    int64_t max_decoded_pixels; /* of all frames decoded: 4e10 */
    int64_t max_packets;        /* of the demux-only walk, all streams counted: 3,000,000 */
    int64_t max_output_bytes;   /* of the pixels kept: 2 GiB */
};

/* The figures above. */
struct m2c_decode_limits m2c_decode_limits_defaults(void);

struct m2c_decode_plan {
    struct m2c_sampling sampling;
    int size_px; /* P: short side of the resized frames, 16..1024 */
    enum m2c_resize resize;
    float mean[3], std[3]; /* of RGB in 0..1 */
    struct m2c_decode_limits limits;
    const atomic_bool *cancelled; /* borrowed for the call, may be NULL; checked at each packet */
};

/* 8 uniform frames, 224 px, M2C_RESIZE_BICUBIC, CLIP's mean and std, default limits. */
struct m2c_decode_plan m2c_decode_plan_defaults(void);

/* Size, mean, std and sampling in their ranges, else M2C_INVALID_REQUEST with the field. */
M2C_MUST_USE enum m2c_status m2c_decode_plan_check(const struct m2c_decode_plan *plan,
                                                   struct m2c_error *err);

/* Facts of the stream that was looked at. */
struct m2c_video_facts {
    char codec[16];    /* "h264", "hevc", "vp8", "vp9", "av1" or "mpeg4" */
    int width, height; /* as displayed, after rotation; sample aspect ratio not applied */
    int rotation;      /* clockwise degrees that turn the coded frame upright: 0, 90, 180, 270 */
    double fps;        /* mean rate */
    int64_t frames;    /* n of the whole stream */
    double duration_s; /* from the first frame to the end of the last */
};

/* Bits of m2c_clip_frames.warnings. */
enum m2c_clip_warning {
    M2C_CLIP_SINGLE_FRAME = 1,    /* one frame in the range: it is repeated */
    M2C_CLIP_FRAMES_REPEATED = 2, /* fewer frames in the range than the sampling needs */
    M2C_CLIP_DAMAGED = 4,         /* parts of the video could not be decoded */
};

/* The name of one warning bit, for answers ("single_frame"). Static storage; NULL if unknown. */
const char *m2c_clip_warning_name(unsigned bit);

struct m2c_clip_frames {
    struct m2c_video_facts facts;
    int frame_count;        /* F: distinct frames kept */
    int height, width;      /* of each, the short side being size_px, the long one <= 4 size_px */
    float *pixels;          /* [F, 3, height, width], RGB planes, normalised, 64-byte aligned */
    int temporal_views;     /* A */
    int frames_per_view;    /* T */
    int spatial_views;      /* B */
    int64_t *frame_indices; /* [A, T], counted from the stream's first frame shown */
    double *frame_times_s;  /* [A, T], from the first frame's pts */
    int *slots;             /* [A, T], which of the F frames */
    unsigned warnings;      /* m2c_clip_warning bits */
    int64_t decoded_pixels; /* what this cost */
    double preprocess_ms;   /* of the call's time: conversion, normalisation, resize */
};

/* Decodes bytes[size] (lent for the call) as `plan` says into `out` (its arrays are new: the caller
 * destroys them; on failure `out` is empty). Any thread; one thread is used.
 * Errors: M2C_INVALID_REQUEST (plan out of range, field named), M2C_UNDECODABLE_VIDEO,
 * M2C_UNSUPPORTED_CODEC (container or codec not on the list), M2C_NO_VIDEO (also: no frame in
 * start_s..end_s), M2C_FRAME_TOO_LARGE, M2C_UNSUPPORTED_ASPECT, M2C_TOO_LONG (a budget is spent),
 * M2C_DEADLINE (max_wall_ms), M2C_CANCELLED, M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_video_decode(const uint8_t *bytes, size_t size,
                                              const struct m2c_decode_plan *plan,
                                              struct m2c_clip_frames *out, struct m2c_error *err);

/* Frees the arrays and empties the struct; safe on a zeroed one. */
void m2c_clip_frames_destroy(struct m2c_clip_frames *frames);

/* One frame of one view: a P x P window into `pixels`, borrowed until they are destroyed. */
struct m2c_frame_view {
    const float *data;   /* red plane, top left corner */
    size_t plane_stride; /* floats from one colour to the next */
    size_t row_stride;   /* floats from one row to the next */
};

/* Frame t of temporal view a, cut for spatial view b, `size` px on a side (view v = b * A + a). */
struct m2c_frame_view m2c_frame_view(const struct m2c_clip_frames *frames, int a, int t, int b,
                                     int size);

#endif
