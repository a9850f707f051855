#include "segmenter.h"

#include <stdbool.h>
#include <stdlib.h>

/* One label: a segment that goes on, or one that has ended and may still be joined by the next. */
struct track {
    struct m2c_segment segment;
    bool exists, open;
};

struct m2c_segmenter {
    struct m2c_segment_rules rules;
    size_t count;
    struct track *tracks; /* [count] */
};

enum m2c_status m2c_segmenter_new(const struct m2c_segment_rules *rules, size_t labels,
                                  struct m2c_segmenter **out, struct m2c_error *err)
{
    struct m2c_segmenter *segmenter = calloc(1, sizeof *segmenter);
    struct track *tracks = calloc(labels + 1, sizeof *tracks);
    if (!segmenter || !tracks) {
        free(segmenter);
        free(tracks);
        return m2c_fail_memory(err, "the segments", labels * sizeof *tracks);
    }
    *segmenter = (struct m2c_segmenter){.rules = *rules, .count = labels, .tracks = tracks};
    *out = segmenter;
    return M2C_OK;
}

void m2c_segmenter_free(struct m2c_segmenter **segmenter)
{
    if (*segmenter)
        free((*segmenter)->tracks);
    free(*segmenter);
    *segmenter = NULL;
}

/* Gives an ended segment away if it is long enough. */
static void settle(const struct m2c_segmenter *segmenter, struct track *track,
                   m2c_on_segment on_segment, void *context)
{
    const struct m2c_segment *segment = &track->segment;
    if (segment->end_s - segment->start_s >= segmenter->rules.min_segment_s)
        on_segment(context, segment);
    track->exists = track->open = false;
}

static void raise_peak(struct m2c_segment *segment, const struct m2c_prediction *score,
                       double peak_s)
{
    if (score->score <= segment->score)
        return;
    segment->score = score->score;
    segment->similarity = score->similarity;
    segment->peak_s = peak_s;
}

static void begin(struct track *track, size_t label, const struct m2c_prediction *score,
                  const struct m2c_vote *vote)
{
    if (track->exists) { /* the gap is closed */
        raise_peak(&track->segment, score, vote->peak_s);
    } else {
        track->segment = (struct m2c_segment){.start_s = vote->begin_s,
                                              .peak_s = vote->peak_s,
                                              .index = label,
                                              .score = score->score,
                                              .similarity = score->similarity};
    }
    track->exists = track->open = true;
}

static void track_vote(const struct m2c_segmenter *segmenter, size_t label,
                       const struct m2c_vote *vote, m2c_on_segment on_segment, void *context)
{
    const struct m2c_segment_rules *rules = &segmenter->rules;
    const struct m2c_prediction *score = &vote->scores[label];
    struct track *track = &segmenter->tracks[label];
    if (track->open && (double)score->score < rules->threshold_end) {
        track->open = false;
        track->segment.end_s = vote->begin_s;
    } else if (track->open) {
        raise_peak(&track->segment, score, vote->peak_s);
    }
    if (track->exists && !track->open && vote->begin_s - track->segment.end_s > rules->merge_gap_s)
        settle(segmenter, track, on_segment, context);
    if (!track->open && (double)score->score >= rules->threshold)
        begin(track, label, score, vote);
}

void m2c_segmenter_vote(struct m2c_segmenter *segmenter, const struct m2c_vote *vote,
                        m2c_on_segment on_segment, void *context)
{
    for (size_t label = 0; label < segmenter->count; label++)
        track_vote(segmenter, label, vote, on_segment, context);
}

void m2c_segmenter_finish(struct m2c_segmenter *segmenter, double end_s, m2c_on_segment on_segment,
                          void *context)
{
    for (size_t label = 0; label < segmenter->count; label++) {
        struct track *track = &segmenter->tracks[label];
        if (track->open)
            track->segment.end_s = end_s;
        if (track->exists)
            settle(segmenter, track, on_segment, context);
    }
}

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

int m2c_segment_compare(const void *left, const void *right)
{
    const struct m2c_segment *a = left, *b = right;
    int order = compare(a->start_s, b->start_s);
    if (order == 0)
        order = compare(a->end_s, b->end_s);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}
