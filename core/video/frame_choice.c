#include "video/frame_choice.h"

#include <stdlib.h>
#include <string.h>

static enum m2c_status choose_range(const struct m2c_timeline *timeline,
                                    const struct m2c_sampling *sampling, int64_t *first,
                                    int64_t *count, struct m2c_error *err)
{
    int64_t end = timeline->count;
    *first = sampling->start_s > 0.0 ? m2c_timeline_at(timeline, sampling->start_s) : 0;
    if (sampling->end_s >= 0.0)
        end = m2c_timeline_at(timeline, sampling->end_s);
    *count = end - *first;
    if (*count <= 0)
        return m2c_fail(err, M2C_NO_VIDEO,
                        "no frame is shown in the range asked for; the video lasts %.3f s",
                        m2c_timeline_duration_s(timeline));
    return M2C_OK;
}

static unsigned shortage(const struct m2c_sampling *sampling, int64_t n)
{
    int64_t needed = sampling->stride == 0 ? sampling->frames
                                           : (int64_t)(sampling->frames - 1) * sampling->stride + 1;
    if (n >= needed)
        return 0;
    return n == 1 ? M2C_CLIP_SINGLE_FRAME : M2C_CLIP_FRAMES_REPEATED;
}

static int compare_index(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Sorts the distinct ones of sampled[total] into choice->index. */
static void keep_distinct(struct m2c_frame_choice *choice, const int64_t *sampled, size_t total)
{
    memcpy(choice->index, sampled, total * sizeof *sampled);
    qsort(choice->index, total, sizeof *choice->index, compare_index);
    choice->count = 0;
    for (size_t i = 0; i < total; i++)
        if (choice->count == 0 || choice->index[choice->count - 1] != choice->index[i])
            choice->index[choice->count++] = choice->index[i];
}

static void describe(const struct m2c_timeline *timeline, const struct m2c_frame_choice *choice,
                     struct m2c_clip_frames *out, size_t total)
{
    for (size_t i = 0; i < total; i++) {
        const int64_t *place = bsearch(&out->frame_indices[i], choice->index, choice->count,
                                       sizeof *choice->index, compare_index);
        out->slots[i] = (int)(place - choice->index);
        out->frame_times_s[i] = m2c_timeline_time_s(timeline, out->frame_indices[i]);
    }
    for (size_t i = 0; i < choice->count; i++)
        choice->pts[i] = timeline->pts[choice->index[i]];
}

static enum m2c_status allocate(struct m2c_frame_choice *choice, struct m2c_clip_frames *out,
                                size_t total, struct m2c_error *err)
{
    if (!out->slots) {
        out->frame_indices = calloc(total, sizeof *out->frame_indices);
        out->frame_times_s = calloc(total, sizeof *out->frame_times_s);
        out->slots = calloc(total, sizeof *out->slots);
    }
    choice->index = calloc(total, sizeof *choice->index);
    choice->pts = calloc(total, sizeof *choice->pts);
    if (!out->frame_indices || !out->frame_times_s || !out->slots || !choice->index || !choice->pts)
        return m2c_fail_memory(err, "the frame choice", total * sizeof *choice->index);
    return M2C_OK;
}

enum m2c_status m2c_frame_choice_make(const struct m2c_timeline *timeline,
                                      const struct m2c_decode_plan *plan,
                                      struct m2c_frame_choice *choice, struct m2c_clip_frames *out,
                                      struct m2c_error *err)
{
    *choice = (struct m2c_frame_choice){0};
    const struct m2c_sampling *sampling = &plan->sampling;
    double span_s = m2c_timeline_time_s(timeline, timeline->count - 1);
    if (span_s > plan->limits.max_duration_s)
        return m2c_fail(err, M2C_TOO_LONG, "the video lasts %.0f s, more than %.0f s", span_s,
                        plan->limits.max_duration_s);
    int64_t first, n;
    enum m2c_status status = choose_range(timeline, sampling, &first, &n, err);
    if (status)
        return status;
    size_t total = (size_t)sampling->temporal_views * (size_t)sampling->frames;
    status = allocate(choice, out, total, err);
    if (status)
        return status;
    m2c_sample_indices(sampling, n, out->frame_indices);
    for (size_t i = 0; i < total; i++)
        out->frame_indices[i] += first;
    keep_distinct(choice, out->frame_indices, total);
    describe(timeline, choice, out, total);
    out->temporal_views = sampling->temporal_views;
    out->frames_per_view = sampling->frames;
    out->spatial_views = sampling->spatial_views;
    out->warnings = shortage(sampling, n) | (timeline->damaged ? M2C_CLIP_DAMAGED : 0u);
    return M2C_OK;
}

void m2c_frame_choice_destroy(struct m2c_frame_choice *choice)
{
    free(choice->index);
    free(choice->pts);
    *choice = (struct m2c_frame_choice){0};
}
