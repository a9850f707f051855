/* Counts of values by size, as Prometheus wants them. One thread. */
#ifndef SRV_OBSERVE_HISTOGRAM_H
#define SRV_OBSERVE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

enum { SRV_HISTOGRAM_MAX_BOUNDS = 16 };

/* The upper bounds of its buckets, rising; what is larger than all counts too. */
struct srv_histogram_bounds {
    size_t count; /* at most SRV_HISTOGRAM_MAX_BOUNDS */
    double upper[SRV_HISTOGRAM_MAX_BOUNDS];
};

struct srv_histogram_counts {
    uint64_t
        buckets[SRV_HISTOGRAM_MAX_BOUNDS + 1]; /* each value once; the last: above all bounds */
    double sum;
};

/* A millisecond to five minutes, in seconds. */
extern const struct srv_histogram_bounds srv_seconds_bounds;

/* Enters a value; one that is not a number counts as zero. */
void srv_histogram_add(const struct srv_histogram_bounds *bounds,
                       struct srv_histogram_counts *counts, double value);

#endif
