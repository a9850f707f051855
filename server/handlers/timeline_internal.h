/* What the files of a timeline share. */
#ifndef SRV_HANDLERS_TIMELINE_INTERNAL_H
#define SRV_HANDLERS_TIMELINE_INTERNAL_H

#include "proto/timeline_events.h"
#include "segmenter.h"
#include "server/engine/timeline_job.h"
#include "server/handlers/timeline.h"
#include "server/handlers/timeline_form.h"

struct srv_timeline {
    struct srv_exchange *exchange; /* NULL once it is over */
    enum srv_timeline_form form;
    struct srv_timeline_job *job;
    struct srv_stream *stream;  /* NULL before the first window, and where the form is no stream */
    struct proto_writer writer; /* events that go out together */

    /* Scores of one window. */
    bool by_labels;
    size_t count; /* N */
    const char *const *names;
    const float **rows; /* [N + background] */
    float *scratch;
    struct m2c_prediction *scored, *best; /* [N] */
    struct m2c_segmenter *segmenter;

    /* What was found. */
    struct proto_segment *segments; /* not of a stream */
    size_t segment_count, segment_capacity;
    enum m2c_status trouble;      /* why a segment could not be kept */
    struct m2c_clip_frames facts; /* of the last window, without its arrays */
    struct proto_timeline_progress progress;
    double end_s, told_ms, progress_ms;

    uv_timer_t tick;
    bool holding;
};

/* ---- timeline_reply.c ---- */

/* Begins the stream and writes its first event; timeline->facts are there. M2C_NO_MEMORY. */
M2C_MUST_USE enum m2c_status srv_timeline_open_stream(struct srv_timeline *timeline,
                                                      struct m2c_error *err);

/* Write an event; events wait in timeline->writer until they are sent together. */
void srv_timeline_tell_window(struct srv_timeline *timeline, const struct m2c_window *window);
void srv_timeline_tell_segment(struct srv_timeline *timeline, const struct proto_segment *segment);
void srv_timeline_tell_progress(struct srv_timeline *timeline);
void srv_timeline_keep_alive(struct srv_timeline *timeline);

/* Sends the events that wait. What finds no memory breaks the reply off. */
void srv_timeline_send(struct srv_timeline *timeline);

/* The whole answer, or the end of the stream: the request's part is over. */
void srv_timeline_reply(struct srv_timeline *timeline);

#endif
