#include "server/observe/histogram.h"

#include <math.h>

const struct srv_histogram_bounds srv_seconds_bounds = {
    16,
    {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
     300.0},
};

void srv_histogram_add(const struct srv_histogram_bounds *bounds,
                       struct srv_histogram_counts *counts, double value)
{
    size_t bucket = 0;
    value = isnan(value) ? 0.0 : value;
    while (bucket < bounds->count && value > bounds->upper[bucket])
        bucket++;
    counts->buckets[bucket]++;
    counts->sum += value;
}
