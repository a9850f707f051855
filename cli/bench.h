/* Measurements of `m2clip bench`: each is a median over repeated runs in one process. */
#ifndef CLI_BENCH_H
#define CLI_BENCH_H

#include <stdio.h>

#include "cli/session.h"

struct cli_bench_row {
    char stage[24];
    const char *precision, *backend;
    int threads;
    double ms;         /* median of one run */
    double gflop;      /* needed; 0 where nothing is multiplied */
    double efficiency; /* against the library's own rate; 0: not said */
    char note[64];     /* what was run, "" for nothing to say */
};

struct cli_bench_rows {
    struct cli_bench_row *rows; /* owned */
    size_t count, capacity;
};

/* Appends a row (fails for want of memory alone); frees them all. */
M2C_MUST_USE enum m2c_status cli_bench_add(struct cli_bench_rows *rows,
                                           const struct cli_bench_row *row, struct m2c_error *err);
void cli_bench_free(struct cli_bench_rows *rows);

/* The median of `count` values, which are sorted. */
double cli_median(double *values, size_t count);

/* The library's own product rate in FLOP per ms on the shapes of one clip of `frames` frames, each
 * shape's rows split over the session's team, weighted by FLOP. */
M2C_MUST_USE enum m2c_status cli_bench_library_rate(const struct cli_session *session, int frames,
                                                    double *flop_per_ms, struct m2c_error *err);

struct cli_bench_request {
    int repeats;             /* runs of which the median is told */
    const char *labels_file; /* NULL: the set's own labels */
    bool padded_labels;      /* also `labels_padded` */
};

/* Adds `library`, `clip`, the clip's inner stages, `labels` and `memory`. */
M2C_MUST_USE enum m2c_status cli_bench_encoder(struct cli_session *session,
                                               const struct cli_bench_request *asked,
                                               struct cli_bench_rows *rows, struct m2c_error *err);

/* Adds `decode` and `preprocess` of one file under the set's sampling. */
M2C_MUST_USE enum m2c_status cli_bench_video(const struct cli_session *session, const char *path,
                                             int repeats, struct cli_bench_rows *rows,
                                             struct m2c_error *err);

/* A table for people, or one JSON object whose `results` are the rows. */
void cli_bench_print(FILE *out, const struct cli_bench_rows *rows, bool json);

#endif
