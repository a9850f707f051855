/* Prometheus' text format 0.0.4, written family by family.
 *
 *   srv_exposition_open
 *   srv_exposition_family, then its samples; and so on
 *   srv_exposition_take
 *
 * A failed allocation sticks: later calls do nothing and take answers M2C_NO_MEMORY. Names, help
 * and label names are constants of ours; label values are escaped. One thread.
 */
#ifndef SRV_OBSERVE_EXPOSITION_H
#define SRV_OBSERVE_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "server/observe/histogram.h"
#include "status.h"

#define SRV_EXPOSITION_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum srv_metric_type { SRV_METRIC_COUNTER, SRV_METRIC_GAUGE, SRV_METRIC_HISTOGRAM };

struct srv_exposition {
    FILE *stream; /* NULL without memory */
    char *text;
    size_t size;
    const char *family;
};

struct srv_metric_label {
    const char *name, *value;
};

void srv_exposition_open(struct srv_exposition *exposition);

/* Begins a family. Each name once; counters end in `_total`. */
void srv_exposition_family(struct srv_exposition *exposition, const char *name,
                           enum srv_metric_type type, const char *help);

/* A sample of the family, with up to a few labels. */
void srv_exposition_sample(struct srv_exposition *exposition, const struct srv_metric_label *labels,
                           size_t label_count, double value);

/* All samples of a histogram without labels. */
void srv_exposition_histogram(struct srv_exposition *exposition,
                              const struct srv_histogram_bounds *bounds,
                              const struct srv_histogram_counts *counts);

/* A family of one sample. */
void srv_exposition_single(struct srv_exposition *exposition, const char *name,
                           enum srv_metric_type type, const char *help, double value);

/* The text (new, NUL-terminated, free by the caller); closes it in any case. */
M2C_MUST_USE enum m2c_status srv_exposition_take(struct srv_exposition *exposition, char **text,
                                                 size_t *size, struct m2c_error *err);

#endif
