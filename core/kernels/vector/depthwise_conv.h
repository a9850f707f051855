#ifndef M2C_KERNELS_VECTOR_DEPTHWISE_CONV_H
#define M2C_KERNELS_VECTOR_DEPTHWISE_CONV_H

#include "kernels/vector/lanes.h"

/* The taps that are there: padding is dropped once a token, not asked about at every channel. */
struct conv_taps {
    size_t count;
    const float *now[9];
    const float *before[9];
    const float *weight[9];
};

static inline struct conv_taps conv_taps_of(const float *const *now, const float *const *before,
                                            const float *weight, size_t taps, size_t channels)
{
    struct conv_taps present;
    present.count = 0;
    for (size_t k = 0; k < taps; k++) {
        if (!now[k])
            continue;
        present.now[present.count] = now[k];
        present.before[present.count] = before ? before[k] : NULL;
        present.weight[present.count] = weight + k * channels;
        present.count++;
    }
    return present;
}

/* What a weight is multiplied by. */
enum conv_term {
    CONV_NOW,        /* now */
    CONV_DIFFERENCE, /* now - before + shift */
    CONV_SHIFT,      /* shift: the first frame, whose difference is zero */
};

/* `tile` vectors of n lanes each, from channel c: the taps' pointers are fetched once a tile.
 * `tile` and `term` are constants at every call. */
static inline __attribute__((always_inline)) void conv_tile(float *y, const struct conv_taps *taps,
                                                            const float *shift, const float *bias,
                                                            size_t c, size_t tile, size_t n,
                                                            enum conv_term term)
{
    vec sum[4];
    vec added[4];
    for (size_t j = 0; j < tile; j++) {
        sum[j] = vec_load_lanes(bias + c + j * LANES, n);
        if (term != CONV_NOW)
            added[j] = vec_load_lanes(shift + c + j * LANES, n);
    }
    for (size_t k = 0; k < taps->count; k++) {
        for (size_t j = 0; j < tile; j++) {
            size_t at = c + j * LANES;
            vec value;
            if (term == CONV_SHIFT)
                value = added[j];
            else
                value = vec_load_lanes(taps->now[k] + at, n);
            if (term == CONV_DIFFERENCE)
                value = value - vec_load_lanes(taps->before[k] + at, n) + added[j];
            sum[j] = vec_fma(vec_load_lanes(taps->weight[k] + at, n), value, sum[j]);
        }
    }
    for (size_t j = 0; j < tile; j++)
        vec_store_lanes(y + c + j * LANES, sum[j], n);
}

static inline __attribute__((always_inline)) void conv_token(float *y, const struct conv_taps *taps,
                                                             const float *shift, const float *bias,
                                                             size_t channels, enum conv_term term)
{
    size_t c = 0;
    for (; c + 4 * LANES <= channels; c += 4 * LANES)
        conv_tile(y, taps, shift, bias, c, 4, LANES, term);
    for (; c + LANES <= channels; c += LANES)
        conv_tile(y, taps, shift, bias, c, 1, LANES, term);
    if (c < channels)
        conv_tile(y, taps, shift, bias, c, 1, channels - c, term);
}

static void conv_time(float *y, const float *const taps[3], const float *weight, const float *bias,
                      size_t channels)
{
    const struct conv_taps present = conv_taps_of(taps, NULL, weight, 3, channels);
    conv_token(y, &present, NULL, bias, channels, CONV_NOW);
}

static void conv_space(float *y, const float *const now[9], const float *const *before,
                       const float *weight, const float *shift, const float *bias, size_t channels)
{
    const struct conv_taps present = conv_taps_of(now, before, weight, 9, channels);
    if (before)
        conv_token(y, &present, shift, bias, channels, CONV_DIFFERENCE);
    else
        conv_token(y, &present, shift, bias, channels, CONV_SHIFT);
}

#endif
