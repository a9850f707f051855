/* A decoded frame -> the float planes that are kept of it. */
#ifndef M2C_VIDEO_FRAME_CONVERTER_H
#define M2C_VIDEO_FRAME_CONVERTER_H

#include <libavutil/frame.h>

#include "video/resizer.h"
#include "video/rgb_image.h"
#include "video/video.h"

/* Set `plan` and rgb.orientation, the rest zeroed; the caller destroys it. One thread. */
struct m2c_frame_converter {
    const struct m2c_decode_plan *plan; /* borrowed */
    struct m2c_rgb_converter rgb;
    struct m2c_resizer resizer; /* set by the first frame */
    double spent_ms;            /* on conversion, normalisation and resizing */
};

/* Converts, normalises and resizes `frame` into slot `slot` of clip->pixels. A clip without pixels
 * gets them first: room for `count` frames of the size that the converter's frames come to. Errors:
 * M2C_FRAME_TOO_LARGE, M2C_UNSUPPORTED_ASPECT, M2C_UNDECODABLE_VIDEO, M2C_TOO_LONG (more than
 * max_output_bytes), M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_frame_convert(struct m2c_frame_converter *converter,
                                               const AVFrame *frame, struct m2c_clip_frames *clip,
                                               size_t count, size_t slot, struct m2c_error *err);

/* Room for `count` frames in clip->pixels, replacing what is there; the converter has converted a
 * frame before. M2C_TOO_LONG, M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_clip_allocate(const struct m2c_frame_converter *converter,
                                               struct m2c_clip_frames *clip, size_t count,
                                               struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_frame_converter_destroy(struct m2c_frame_converter *converter);

#endif
