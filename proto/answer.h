/* The answer of a video route: facts in, JSON in interface.md's shape and order out.
 *
 * Everything is borrowed for the call; the struct is plain data that the server and the command
 * line fill.
 */
#ifndef PROTO_ANSWER_H
#define PROTO_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/json_writer.h"

struct proto_prediction {
    const char *label;
    const char *label_id; /* NULL: null */
    size_t index;
    float score;
    bool has_similarity; /* false: null (classes) */
    float similarity;
};

struct proto_prediction_list {
    const struct proto_prediction *items;
    size_t count;
};

struct proto_embedding {
    const char *text;    /* NULL: a video */
    size_t index;        /* position among the texts, 0 for the video */
    const float *vector; /* [dim] */
};

struct proto_segment {
    double start_s, end_s, peak_s;
    const char *label;
    size_t index;
    float score;
    bool has_similarity;
    float similarity;
};

struct proto_mask {
    int position; /* 0..76, the start token counted */
    struct proto_prediction_list predictions;
};

/* What the route fills in place of `predictions`. */
enum proto_payload {
    PROTO_PAYLOAD_PREDICTIONS,
    PROTO_PAYLOAD_EMBEDDINGS,
    PROTO_PAYLOAD_SEGMENTS,
    PROTO_PAYLOAD_MASKS,
};

struct proto_video_facts {
    const char *id;
    const char *codec;
    int width, height, rotation;
    double fps; /* 0 or not finite: null */
    long long frames;
    double duration_s;
};

struct proto_sampling_facts {
    int frames, stride; /* stride 0: "uniform" */
    int temporal_views, spatial_views;
    /* [temporal_views, frames] each; NULL: empty lists, where every window has frames of its own */
    const int64_t *frame_indices;
    const double *frame_times_s;
};

struct proto_timing_ms {
    double receive, fetch, queue, decode, encode, text, total;
};

struct proto_cache_facts {
    bool video;
    size_t labels_hit, labels_miss;
};

struct proto_answer {
    const char *input; /* the command line's; NULL: no such member */
    const char *id, *model, *model_version, *precision;
    const char *const *warnings;
    size_t warning_count;

    enum proto_payload payload;
    struct proto_prediction_list predictions;
    const struct proto_embedding *embeddings;
    size_t embedding_count;
    size_t dim;
    const struct proto_segment *segments;
    size_t segment_count;
    bool segments_streamed; /* they went before as events: their number is told alone */
    const struct proto_mask *masks;
    size_t mask_count;

    bool unknown; /* minima left no prediction */
    bool has_other;
    float other; /* the background's share */
    bool has_classes;
    struct proto_prediction_list classes;

    const struct proto_video_facts *video;       /* NULL: null */
    const struct proto_sampling_facts *sampling; /* NULL: null */
    struct proto_timing_ms timing_ms;
    struct proto_cache_facts cache;
};

/* Writes one JSON object. */
void proto_answer_write(struct proto_writer *writer, const struct proto_answer *answer);

/* Its members, and parts of it, for streams of events. */
void proto_answer_members_write(struct proto_writer *writer, const struct proto_answer *answer);
void proto_video_facts_write(struct proto_writer *writer, const struct proto_video_facts *video);
void proto_sampling_facts_write(struct proto_writer *writer,
                                const struct proto_sampling_facts *sampling);
void proto_prediction_write(struct proto_writer *writer, const struct proto_prediction *prediction);
void proto_segment_members_write(struct proto_writer *writer, const struct proto_segment *segment);
void proto_segment_write(struct proto_writer *writer, const struct proto_segment *segment);

#endif
