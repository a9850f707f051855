/* A timeline as a stream: events in, lines of JSON or server-sent events out.
 *
 * An event is one JSON object with a member `type`: start, then windows, segments and progress as
 * they come, then exactly one done or error. NDJSON writes an object a line; server-sent events put
 * the same object into `data:` under `event:` with the type. Pure functions; everything is borrowed
 * for the call.
 */
#ifndef PROTO_TIMELINE_EVENTS_H
#define PROTO_TIMELINE_EVENTS_H

#include "proto/answer.h"

enum proto_stream_form { PROTO_STREAM_NDJSON, PROTO_STREAM_SSE };

/* "application/x-ndjson", "text/event-stream". Static storage. */
const char *proto_stream_content_type(enum proto_stream_form form);

struct proto_timeline_start {
    const char *id, *model, *model_version, *precision;
    const char *const *warnings;
    size_t warning_count;
    double window_s, hop_s;
    long long windows; /* that there will be */
    const struct proto_video_facts *video;
    const struct proto_sampling_facts *sampling; /* of every window */
};

struct proto_timeline_window {
    long long index;
    double start_s, end_s;
    struct proto_prediction_list predictions; /* the best of it */
};

struct proto_timeline_progress {
    long long windows_done, windows;
    double time_s, duration_s; /* looked at until here, of so much */
};

/* {type, id, model, model_version, precision, warnings, window_s, hop_s, windows, video, sampling}
 */
void proto_event_start(struct proto_writer *writer, enum proto_stream_form form,
                       const struct proto_timeline_start *start);

/* {type, index, start_s, end_s, predictions} */
void proto_event_window(struct proto_writer *writer, enum proto_stream_form form,
                        const struct proto_timeline_window *window);

/* {type, and the members of a segment} */
void proto_event_segment(struct proto_writer *writer, enum proto_stream_form form,
                         const struct proto_segment *segment);

/* {type, windows_done, windows, time_s, duration_s} */
void proto_event_progress(struct proto_writer *writer, enum proto_stream_form form,
                          const struct proto_timeline_progress *progress);

/* {type, and the members of the answer}; segments are counted, not repeated. */
void proto_event_done(struct proto_writer *writer, enum proto_stream_form form,
                      const struct proto_answer *answer);

/* {type, error: problem} */
void proto_event_error(struct proto_writer *writer, enum proto_stream_form form,
                       const struct m2c_error *error, const char *request_id);

/* What keeps an idle connection open: a comment in server-sent events; JSON lines have none, so
 * progress is told once more. */
void proto_event_keep_alive(struct proto_writer *writer, enum proto_stream_form form,
                            const struct proto_timeline_progress *progress);

#endif
