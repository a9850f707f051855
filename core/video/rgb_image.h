/* A decoded frame as packed 8-bit RGB, upright. */
#ifndef M2C_VIDEO_RGB_IMAGE_H
#define M2C_VIDEO_RGB_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libavformat/avformat.h>

#include "status.h"

struct SwsContext;

/* How coded pixels are turned to be shown: one of the eight symmetries of a rectangle. */
struct m2c_orientation {
    bool transposed;   /* rows become columns */
    bool mirror_x;     /* coded columns are read from right to left */
    bool mirror_y;     /* coded rows are read from bottom to top */
    int clockwise_deg; /* 0, 90, 180 or 270 */
};

/* From the stream's display matrix, to the nearest quarter turn; upright without one. */
struct m2c_orientation m2c_orientation_of(const AVStream *stream);

struct m2c_rgb_image {
    const uint8_t *data; /* rows of 3 * width bytes */
    size_t stride;
    int width, height;
};

struct m2c_rgb_converter {
    struct m2c_orientation orientation;
    struct SwsContext *scaler;
    uint8_t *coded, *turned; /* own */
    size_t coded_stride, turned_stride;
    int width, height; /* as coded, of the first frame */
};

/* Converts `frame` into an image borrowed until the next call. libswscale's plain path, its default
 * coefficients (BT.601) and the range of the pixel format, as PyAV's to_rgb does. The first frame
 * sets the size; a later one of another size is scaled to it. `converter` starts zeroed but for
 * `orientation`; the caller destroys it. Errors: M2C_UNDECODABLE_VIDEO, M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_rgb_convert(struct m2c_rgb_converter *converter,
                                             const AVFrame *frame, struct m2c_rgb_image *image,
                                             struct m2c_error *err);

/* Safe on a zeroed struct. */
void m2c_rgb_converter_destroy(struct m2c_rgb_converter *converter);

#endif
