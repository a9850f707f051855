#include "video/timeline.h"

#include <math.h>
#include <stdlib.h>

void m2c_timeline_destroy(struct m2c_timeline *timeline)
{
    free(timeline->pts);
    free(timeline->keys);
    *timeline = (struct m2c_timeline){0};
}

double m2c_timeline_time_s(const struct m2c_timeline *timeline, int64_t index)
{
    return (double)(timeline->pts[index] - timeline->pts[0]) * timeline->tick_s;
}

double m2c_timeline_duration_s(const struct m2c_timeline *timeline)
{
    if (timeline->count == 0)
        return 0.0;
    double span_s = m2c_timeline_time_s(timeline, timeline->count - 1);
    double last_s = (double)timeline->last_duration * timeline->tick_s;
    double mean_s = timeline->count > 1 ? span_s / (double)(timeline->count - 1) : 0.0;
    return span_s +
           (last_s > 0.75 * mean_s ? last_s : mean_s); /* AVI states one tick at any rate */
}

/* Containers round times to their ticks, and a last frame may be held longer: where the stated rate
 * is the same but for that, it is the exact one. */
double m2c_timeline_fps(const struct m2c_timeline *timeline, AVRational stated_rate)
{
    double duration_s = m2c_timeline_duration_s(timeline);
    double stated = stated_rate.num > 0 && stated_rate.den > 0 ? av_q2d(stated_rate) : 0.0;
    if (duration_s <= 0.0)
        return stated;
    double counted = (double)timeline->count / duration_s;
    return fabs(stated - counted) < 0.05 * counted ? stated : counted;
}

/* The first index with pts >= `pts`. */
static int64_t lower_bound(const struct m2c_timeline *timeline, int64_t pts)
{
    int64_t low = 0, high = timeline->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (timeline->pts[middle] < pts)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t m2c_timeline_at(const struct m2c_timeline *timeline, double seconds)
{
    int64_t low = 0, high = timeline->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (m2c_timeline_time_s(timeline, middle) < seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int64_t m2c_timeline_find(const struct m2c_timeline *timeline, int64_t pts)
{
    int64_t index = lower_bound(timeline, pts);
    return index < timeline->count && timeline->pts[index] == pts ? index : -1;
}

const struct m2c_key_packet *m2c_timeline_key_before(const struct m2c_timeline *timeline,
                                                     int64_t index)
{
    int64_t low = 0, high = timeline->key_count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (timeline->keys[middle].rank <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &timeline->keys[low - 1] : NULL;
}
