#include "video/frame_converter.h"

#include <stdlib.h>

#include "runtime/checked.h"
#include "runtime/clock.h"
#include "video/container.h"

enum { PIXEL_ALIGN = 64 };

enum m2c_status m2c_clip_allocate(const struct m2c_frame_converter *converter,
                                  struct m2c_clip_frames *clip, size_t count, struct m2c_error *err)
{
    const struct m2c_resizer *resizer = &converter->resizer;
    int64_t max_bytes = converter->plan->limits.max_output_bytes;
    size_t plane = (size_t)resizer->width * (size_t)resizer->height, bytes;
    if (!m2c_checked_multiply3(count, plane, 3 * sizeof(float), &bytes) ||
        bytes > (uint64_t)max_bytes)
        return m2c_fail(err, M2C_TOO_LONG, "%zu frames of %dx%d exceed %lld bytes", count,
                        resizer->width, resizer->height, (long long)max_bytes);
    void *pixels = NULL;
    if (posix_memalign(&pixels, PIXEL_ALIGN, bytes))
        return m2c_fail_memory(err, "the frames", bytes);
    free(clip->pixels);
    clip->pixels = pixels;
    clip->frame_count = (int)count;
    clip->width = resizer->width;
    clip->height = resizer->height;
    return M2C_OK;
}

enum m2c_status m2c_frame_convert(struct m2c_frame_converter *converter, const AVFrame *frame,
                                  struct m2c_clip_frames *clip, size_t count, size_t slot,
                                  struct m2c_error *err)
{
    double started_ms = m2c_clock_ms();
    struct m2c_rgb_image image;
    enum m2c_status status =
        m2c_frame_size_check(frame->width, frame->height, &converter->plan->limits, err);
    if (!status)
        status = m2c_rgb_convert(&converter->rgb, frame, &image, err);
    if (!status && converter->resizer.width == 0)
        status =
            m2c_resizer_init(&converter->resizer, image.width, image.height, converter->plan, err);
    if (!status && !clip->pixels)
        status = m2c_clip_allocate(converter, clip, count, err);
    if (status)
        return status;
    size_t floats = 3 * (size_t)clip->width * (size_t)clip->height;
    m2c_resizer_run(&converter->resizer, &image, clip->pixels + slot * floats);
    converter->spent_ms += m2c_clock_ms() - started_ms;
    return M2C_OK;
}

void m2c_frame_converter_destroy(struct m2c_frame_converter *converter)
{
    m2c_resizer_destroy(&converter->resizer);
    m2c_rgb_converter_destroy(&converter->rgb);
}
