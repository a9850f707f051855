/* Batches for a step: pixels, labels, texts and dropout of some clips of a source. */
#ifndef TRN_FEED_H
#define TRN_FEED_H

#include "train/clip_source.h"
#include "train/prompts.h"
#include "train/step.h"

struct trn_feed {
    struct trn_clip_source *source;
    const struct trn_prompts *prompts; /* NULL: no loss looks at texts */
    size_t frames, size, width;        /* T, P, C */
    double dropout;                    /* 0: none is drawn */
    uint64_t seed;
    /* Room for the largest batch, owned. */
    size_t capacity;
    float *pixels, *factors;
    struct m2c_image *images;
    int32_t *labels, *tokens, *targets;
    size_t *indices;
    uint64_t *seeds;
};

/* Makes room for batches of `capacity` clips; the other members are set by the caller before.
 * Destroy in any case. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status trn_feed_init(struct trn_feed *feed, size_t capacity,
                                           struct m2c_error *err);

/* batch <- the clips of `indices` [count] as a pass sees them, borrowed until the next call. Errors
 * as trn_clip_source_load. */
M2C_MUST_USE enum m2c_status trn_feed_fill(struct trn_feed *feed, const size_t *indices,
                                           size_t count, uint64_t epoch, struct trn_batch *batch,
                                           struct m2c_error *err);

/* The same without pixels, which are left as they are: to count memory. */
M2C_MUST_USE enum m2c_status trn_feed_sketch(struct trn_feed *feed, const size_t *indices,
                                             size_t count, uint64_t epoch, struct trn_batch *batch,
                                             struct m2c_error *err);

/* Bytes of a feed for so many clips. */
size_t trn_feed_bytes(const struct trn_feed *feed, size_t capacity);

/* Frees the room; safe on a zeroed struct. */
void trn_feed_destroy(struct trn_feed *feed);

#endif
