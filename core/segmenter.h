/* From the scores of windows to segments: pure, one thread, fed one window at a time.
 *
 * A label's segment begins at the window whose score reaches `threshold` and ends at the first one
 * behind it whose score is below `threshold_end`. Segments of one label whose gap is at most
 * `merge_gap_s` are one; what is then shorter than `min_segment_s` is dropped. A window speaks from
 * its vote's time to that of the next vote (m2c_window_vote_s): half a hop on both sides of its
 * centre. A window in which no frame is shown casts no vote: the last one holds on.
 */
#ifndef M2C_SEGMENTER_H
#define M2C_SEGMENTER_H

#include <stddef.h>

#include "scoring.h"
#include "status.h"

struct m2c_segment_rules {
    double threshold, threshold_end; /* threshold_end <= threshold */
    double min_segment_s, merge_gap_s;
};

struct m2c_segment {
    double start_s, end_s;
    double peak_s;           /* the centre of the window that scored highest, the first such */
    size_t index;            /* of the label */
    float score, similarity; /* of that window */
};

/* What one window says. */
struct m2c_vote {
    double begin_s; /* from here on; rising from vote to vote */
    double peak_s;  /* where a segment peaks if it peaks in this window: the window's centre */
    const struct m2c_prediction *scores; /* [N] in label order; borrowed for the call */
};

typedef void (*m2c_on_segment)(void *context, const struct m2c_segment *segment);

struct m2c_segmenter;

/* For `labels` labels. New; the caller frees it. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status m2c_segmenter_new(const struct m2c_segment_rules *rules, size_t labels,
                                               struct m2c_segmenter **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void m2c_segmenter_free(struct m2c_segmenter **segmenter);

/* Takes a vote and gives the segments that no later vote can change. */
void m2c_segmenter_vote(struct m2c_segmenter *segmenter, const struct m2c_vote *vote,
                        m2c_on_segment on_segment, void *context);

/* The votes end at `end_s`: gives what is left. The segmenter is as new afterwards. */
void m2c_segmenter_finish(struct m2c_segmenter *segmenter, double end_s, m2c_on_segment on_segment,
                          void *context);

/* For qsort: by start, then end, then label. Segments come in the order in which they are settled,
 * which is another one. */
int m2c_segment_compare(const void *left, const void *right);

#endif
