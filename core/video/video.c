#include "video/video.h"

#include <math.h>
#include <stdlib.h>

#include "video/clip_decoder.h"

struct m2c_decode_limits m2c_decode_limits_defaults(void)
{
    return (struct m2c_decode_limits){.max_pixels = 16777216,
                                      .max_side_ratio = 4,
                                      .max_duration_s = 6 * 3600.0,
                                      .max_wall_ms = 30000.0,
                                      .max_decoded_pixels = 40000000000,
                                      .max_packets = 3000000,
                                      .max_output_bytes = INT64_C(2) << 30};
}

struct m2c_decode_plan m2c_decode_plan_defaults(void)
{
    return (struct m2c_decode_plan){.sampling = m2c_sampling_defaults(),
                                    .size_px = 224,
                                    .resize = M2C_RESIZE_BICUBIC,
                                    .mean = {0.48145466f, 0.4578275f, 0.40821073f},
                                    .std = {0.26862954f, 0.26130258f, 0.27577711f},
                                    .limits = m2c_decode_limits_defaults()};
}

const char *m2c_clip_warning_name(unsigned bit)
{
    switch (bit) {
    case M2C_CLIP_SINGLE_FRAME:
        return "single_frame";
    case M2C_CLIP_FRAMES_REPEATED:
        return "frames_repeated";
    case M2C_CLIP_DAMAGED:
        return "damaged_video";
    default:
        return NULL;
    }
}

enum m2c_status m2c_decode_plan_check(const struct m2c_decode_plan *plan, struct m2c_error *err)
{
    enum { MIN_SIZE_PX = 16, MAX_SIZE_PX = 1024 };
    if (plan->size_px < MIN_SIZE_PX || plan->size_px > MAX_SIZE_PX)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "size", "size %d is not in %d..%d",
                              plan->size_px, MIN_SIZE_PX, MAX_SIZE_PX);
    for (int c = 0; c < 3; c++)
        if (!isfinite(plan->mean[c]) || !isfinite(plan->std[c]) || plan->std[c] <= 0.0f)
            return m2c_fail_field(err, M2C_INVALID_REQUEST, plan->std[c] > 0.0f ? "mean" : "std",
                                  "mean and std of channel %d cannot normalise", c);
    return m2c_sampling_check(&plan->sampling, err);
}

enum m2c_status m2c_video_decode(const uint8_t *bytes, size_t size,
                                 const struct m2c_decode_plan *plan, struct m2c_clip_frames *out,
                                 struct m2c_error *err)
{
    *out = (struct m2c_clip_frames){0};
    enum m2c_status status = m2c_decode_plan_check(plan, err);
    if (status)
        return status;
    struct m2c_clip_report report;
    status = m2c_clip_decode(bytes, size, plan, M2C_CLIP_FASTEST, out, &report, err);
    if (status)
        m2c_clip_frames_destroy(out);
    return status;
}

void m2c_clip_frames_destroy(struct m2c_clip_frames *frames)
{
    free(frames->pixels);
    free(frames->frame_indices);
    free(frames->frame_times_s);
    free(frames->slots);
    *frames = (struct m2c_clip_frames){0};
}

struct m2c_frame_view m2c_frame_view(const struct m2c_clip_frames *frames, int a, int t, int b,
                                     int size)
{
    int top, left;
    m2c_view_crop(b, frames->spatial_views, frames->height, frames->width, size, &top, &left);
    size_t width = (size_t)frames->width, plane = width * (size_t)frames->height;
    size_t slot = (size_t)frames->slots[a * frames->frames_per_view + t];
    return (struct m2c_frame_view){.data = frames->pixels + 3 * plane * slot + (size_t)top * width +
                                           (size_t)left,
                                   .plane_stride = plane,
                                   .row_stride = width};
}
