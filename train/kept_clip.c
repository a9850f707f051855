#include "train/kept_clip.h"

#include <math.h>
#include <stdlib.h>

enum { BYTE_VALUES = 256 };

enum m2c_status trn_kept_clip_make(const struct m2c_clip_frames *frames,
                                   const struct trn_colours *colours, struct trn_kept_clip *clip,
                                   struct m2c_error *err)
{
    size_t plane = (size_t)frames->height * (size_t)frames->width;
    *clip = (struct trn_kept_clip){.frames = (size_t)frames->frame_count,
                                   .height = (size_t)frames->height,
                                   .width = (size_t)frames->width,
                                   .bytes = (size_t)frames->frame_count * 3 * plane};
    clip->pixels = malloc(clip->bytes);
    if (!clip->pixels)
        return m2c_fail_memory(err, "a clip's frames", clip->bytes);
    for (size_t p = 0; p < clip->frames * 3; p++) {
        float scale = 255.0F * colours->std[p % 3], shift = 255.0F * colours->mean[p % 3] + 0.5F;
        for (size_t i = p * plane; i < (p + 1) * plane; i++)
            clip->pixels[i] =
                (uint8_t)fminf(fmaxf(frames->pixels[i] * scale + shift, 0.0F), 255.0F);
    }
    for (int t = 0; t < frames->frames_per_view; t++)
        clip->slots[t] = frames->slots[t];
    return M2C_OK;
}

void trn_kept_clip_frame(const struct trn_kept_clip *clip, const struct trn_colours *colours,
                         size_t t, float *planes)
{
    size_t plane = clip->height * clip->width;
    const uint8_t *pixels = clip->pixels + (size_t)clip->slots[t] * 3 * plane;
    for (size_t c = 0; c < 3; c++) {
        float values[BYTE_VALUES];
        for (size_t v = 0; v < BYTE_VALUES; v++)
            values[v] = ((float)v / 255.0F - colours->mean[c]) / colours->std[c];
        for (size_t i = c * plane; i < (c + 1) * plane; i++)
            planes[i] = values[pixels[i]];
    }
}

void trn_kept_clip_destroy(struct trn_kept_clip *clip)
{
    free(clip->pixels);
    *clip = (struct trn_kept_clip){0};
}
