#include "video/rgb_image.h"

#include <stdlib.h>

#include <libavutil/mem.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include "runtime/checked.h"
#include "video/libav_setup.h"

/* libswscale writes whole vectors and leaves out the last columns where a row has no room. */
enum { ROW_ALIGN = 64, ROW_SLACK = 64 };

/* The matrix (a b u; c d v; x y w) takes (p, q) to (a p + c q, b p + d q). */
struct m2c_orientation m2c_orientation_of(const AVStream *stream)
{
    size_t bytes = 0;
    const uint8_t *data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes);
    int32_t matrix[9];
    if (!data || bytes < sizeof matrix)
        return (struct m2c_orientation){0};
    for (size_t i = 0; i < 9; i++)
        __builtin_memcpy(&matrix[i], data + i * sizeof *matrix, sizeof *matrix);
    int64_t a = matrix[0], b = matrix[1], c = matrix[3], d = matrix[4];
    bool transposed = llabs(b) + llabs(c) > llabs(a) + llabs(d);
    struct m2c_orientation orientation = {.transposed = transposed};
    orientation.mirror_x = transposed ? b < 0 : a < 0;
    orientation.mirror_y = transposed ? c < 0 : d < 0;
    if (transposed)
        orientation.clockwise_deg = b > 0 ? 90 : 270;
    else
        orientation.clockwise_deg = a < 0 ? 180 : 0;
    return orientation;
}

static enum m2c_status allocate_rows(int width, int height, uint8_t **rows, size_t *stride,
                                     struct m2c_error *err)
{
    size_t bytes = 0;
    *stride = (3 * (size_t)width + ROW_SLACK + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
    *rows = NULL;
    if (m2c_checked_multiply(*stride, (size_t)height, &bytes))
        *rows = av_malloc(bytes);
    return *rows ? M2C_OK : m2c_fail_memory(err, "an RGB image", bytes);
}

static bool is_turned(const struct m2c_orientation *orientation)
{
    return orientation->transposed || orientation->mirror_x || orientation->mirror_y;
}

static enum m2c_status prepare(struct m2c_rgb_converter *converter, const AVFrame *frame,
                               struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    if (!converter->coded) {
        converter->width = frame->width;
        converter->height = frame->height;
        status = allocate_rows(frame->width, frame->height, &converter->coded,
                               &converter->coded_stride, err);
        if (!status && is_turned(&converter->orientation)) {
            bool transposed = converter->orientation.transposed;
            status = allocate_rows(transposed ? frame->height : frame->width,
                                   transposed ? frame->width : frame->height, &converter->turned,
                                   &converter->turned_stride, err);
        }
    }
    if (status)
        return status;
    bool same_size = frame->width == converter->width && frame->height == converter->height;
    converter->scaler = sws_getCachedContext(
        converter->scaler, frame->width, frame->height, (enum AVPixelFormat)frame->format,
        converter->width, converter->height, AV_PIX_FMT_RGB24,
        same_size ? SWS_BILINEAR : SWS_BICUBIC, NULL, NULL, NULL);
    if (!converter->scaler)
        return m2c_fail(err, M2C_UNDECODABLE_VIDEO, "frames of this pixel format have no RGB form");
    return M2C_OK;
}

/* turned[y][x] = coded[q][p], a pixel at a time: turned videos are rare. */
static void turn(const struct m2c_rgb_converter *converter, int width, int height)
{
    const struct m2c_orientation *orientation = &converter->orientation;
    ptrdiff_t row = (ptrdiff_t)converter->coded_stride;
    ptrdiff_t step_p = orientation->mirror_x ? -3 : 3;
    ptrdiff_t step_q = orientation->mirror_y ? -row : row;
    const uint8_t *origin = converter->coded;
    if (orientation->mirror_x)
        origin += 3 * (ptrdiff_t)(converter->width - 1);
    if (orientation->mirror_y)
        origin += row * (converter->height - 1);
    ptrdiff_t step_x = orientation->transposed ? step_q : step_p;
    ptrdiff_t step_y = orientation->transposed ? step_p : step_q;
    for (int y = 0; y < height; y++) {
        const uint8_t *from = origin + y * step_y;
        uint8_t *to = converter->turned + (size_t)y * converter->turned_stride;
        for (int x = 0; x < width; x++, from += step_x, to += 3) {
            to[0] = from[0];
            to[1] = from[1];
            to[2] = from[2];
        }
    }
}

enum m2c_status m2c_rgb_convert(struct m2c_rgb_converter *converter, const AVFrame *frame,
                                struct m2c_rgb_image *image, struct m2c_error *err)
{
    enum m2c_status status = prepare(converter, frame, err);
    if (status)
        return status;
    uint8_t *const planes[4] = {converter->coded};
    const int strides[4] = {(int)converter->coded_stride};
    int rows = sws_scale(converter->scaler, (const uint8_t *const *)frame->data, frame->linesize, 0,
                         frame->height, planes, strides);
    if (rows != converter->height) {
        (void)m2c_fail(err, M2C_UNDECODABLE_VIDEO, "a frame cannot be converted to RGB");
        return m2c_libav_context(err, rows < 0 ? rows : 0);
    }
    *image = (struct m2c_rgb_image){.data = converter->coded,
                                    .stride = converter->coded_stride,
                                    .width = converter->width,
                                    .height = converter->height};
    if (!is_turned(&converter->orientation))
        return M2C_OK;
    if (converter->orientation.transposed) {
        image->width = converter->height;
        image->height = converter->width;
    }
    turn(converter, image->width, image->height);
    image->data = converter->turned;
    image->stride = converter->turned_stride;
    return M2C_OK;
}

void m2c_rgb_converter_destroy(struct m2c_rgb_converter *converter)
{
    sws_freeContext(converter->scaler);
    av_freep(&converter->coded);
    av_freep(&converter->turned);
    converter->scaler = NULL;
}
