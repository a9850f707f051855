#include "video/sampling.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

struct m2c_sampling m2c_sampling_defaults(void)
{
    return (struct m2c_sampling){.frames = 8,
                                 .stride = 0,
                                 .temporal_views = 1,
                                 .spatial_views = 1,
                                 .start_s = NAN,
                                 .end_s = NAN};
}

static enum m2c_status check_views(const struct m2c_sampling *sampling, struct m2c_error *err)
{
    int a = sampling->temporal_views, b = sampling->spatial_views;
    if (a < 1 || a > M2C_MAX_TEMPORAL_VIEWS)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "%d temporal views are not in 1..%d", a, M2C_MAX_TEMPORAL_VIEWS);
    if (b != 1 && b != 3 && b != 4)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "%d spatial views are not 1, 3 or 4", b);
    if (a > 1 && sampling->stride == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                              "%d temporal views need a stride: uniform sampling allows one", a);
    return M2C_OK;
}

/* NAN and negative values mean "not given". */
static bool given(double seconds)
{
    return seconds >= 0.0;
}

static enum m2c_status check_range(const struct m2c_sampling *sampling, struct m2c_error *err)
{
    if (isinf(sampling->start_s))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "start_s", "start_s is not finite");
    if (isinf(sampling->end_s))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "end_s", "end_s is not finite");
    double start_s = given(sampling->start_s) ? sampling->start_s : 0.0;
    if (given(sampling->end_s) && sampling->end_s <= start_s)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "end_s", "end_s %g is not after start_s %g",
                              sampling->end_s, start_s);
    return M2C_OK;
}

enum m2c_status m2c_sampling_check(const struct m2c_sampling *sampling, struct m2c_error *err)
{
    if (sampling->frames < 1 || sampling->frames > M2C_MAX_FRAMES)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "frames", "%d frames are not in 1..%d",
                              sampling->frames, M2C_MAX_FRAMES);
    if (sampling->stride < 0 || sampling->stride > M2C_MAX_STRIDE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "stride",
                              "stride %d is neither 0 (uniform) nor in 1..%d", sampling->stride,
                              M2C_MAX_STRIDE);
    enum m2c_status status = check_views(sampling, err);
    return status ? status : check_range(sampling, err);
}

/* Python's round(): to the nearest, halves to even (the default rounding mode of rint). */
static int64_t round_half_even(double x)
{
    return (int64_t)rint(x);
}

static void sample_uniform(int frames, int64_t n, int64_t *indices)
{
    double segment = (double)(n - 1) / frames;
    for (int i = 0; i < frames; i++) {
        int64_t begin = round_half_even(segment * i);
        int64_t end = round_half_even(segment * (i + 1));
        indices[i] = (begin + end) / 2;
    }
}

static void sample_strided(const struct m2c_sampling *sampling, int64_t n, int64_t *indices)
{
    int views = sampling->temporal_views;
    int64_t length = (int64_t)(sampling->frames - 1) * sampling->stride + 1;
    int64_t slide = n > length ? n - length : 0;
    for (int a = 0; a < views; a++) {
        int64_t start = views == 1 ? slide / 2 : round_half_even((double)slide / (views - 1) * a);
        for (int t = 0; t < sampling->frames; t++) {
            int64_t index = start + (int64_t)t * sampling->stride;
            *indices++ = index < n ? index : n - 1;
        }
    }
}

void m2c_sample_indices(const struct m2c_sampling *sampling, int64_t n, int64_t *indices)
{
    assert(n >= 1);
    if (sampling->stride == 0)
        sample_uniform(sampling->frames, n, indices);
    else
        sample_strided(sampling, n, indices);
}

static int margin_share(int view, int views, int margin)
{
    static const int three[3] = {0, 2, 4}, four[4] = {0, 1, 2, 4}; /* quarters of the margin */
    if (views == 1)
        return margin / 2;
    return margin * (views == 3 ? three[view] : four[view]) / 4;
}

void m2c_view_crop(int view, int views, int height, int width, int size, int *top, int *left)
{
    assert(height >= size && width >= size && view >= 0 && view < views);
    *top = (height - size) / 2;
    *left = (width - size) / 2;
    if (width >= height)
        *left = margin_share(view, views, width - size);
    else
        *top = margin_share(view, views, height - size);
}
