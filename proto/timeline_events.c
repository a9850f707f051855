#include "proto/timeline_events.h"

#include "proto/problem.h"

enum { TIME_DECIMALS = 3 };

const char *proto_stream_content_type(enum proto_stream_form form)
{
    return form == PROTO_STREAM_SSE ? "text/event-stream" : "application/x-ndjson";
}

static void begin(struct proto_writer *writer, enum proto_stream_form form, const char *type)
{
    if (form == PROTO_STREAM_SSE) {
        proto_writer_raw(writer, "event: ");
        proto_writer_raw(writer, type);
        proto_writer_raw(writer, "\ndata: ");
    }
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "type");
    proto_writer_string(writer, type);
}

static void end(struct proto_writer *writer, enum proto_stream_form form)
{
    proto_writer_object_end(writer);
    proto_writer_raw(writer, form == PROTO_STREAM_SSE ? "\n\n" : "\n");
}

static void member_time(struct proto_writer *writer, const char *key, double value)
{
    proto_writer_key(writer, key);
    proto_writer_fixed(writer, value, TIME_DECIMALS);
}

void proto_event_start(struct proto_writer *writer, enum proto_stream_form form,
                       const struct proto_timeline_start *start)
{
    begin(writer, form, "start");
    proto_writer_member_string(writer, "id", start->id);
    proto_writer_member_string(writer, "model", start->model);
    proto_writer_member_string(writer, "model_version", start->model_version);
    proto_writer_member_string(writer, "precision", start->precision);
    proto_writer_key(writer, "warnings");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < start->warning_count; i++)
        proto_writer_string(writer, start->warnings[i]);
    proto_writer_array_end(writer);
    member_time(writer, "window_s", start->window_s);
    member_time(writer, "hop_s", start->hop_s);
    proto_writer_member_integer(writer, "windows", start->windows);
    proto_writer_key(writer, "video");
    proto_video_facts_write(writer, start->video);
    proto_writer_key(writer, "sampling");
    proto_sampling_facts_write(writer, start->sampling);
    end(writer, form);
}

void proto_event_window(struct proto_writer *writer, enum proto_stream_form form,
                        const struct proto_timeline_window *window)
{
    begin(writer, form, "window");
    proto_writer_member_integer(writer, "index", window->index);
    member_time(writer, "start_s", window->start_s);
    member_time(writer, "end_s", window->end_s);
    proto_writer_key(writer, "predictions");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < window->predictions.count; i++)
        proto_prediction_write(writer, &window->predictions.items[i]);
    proto_writer_array_end(writer);
    end(writer, form);
}

void proto_event_segment(struct proto_writer *writer, enum proto_stream_form form,
                         const struct proto_segment *segment)
{
    begin(writer, form, "segment");
    proto_segment_members_write(writer, segment);
    end(writer, form);
}

void proto_event_progress(struct proto_writer *writer, enum proto_stream_form form,
                          const struct proto_timeline_progress *progress)
{
    begin(writer, form, "progress");
    proto_writer_member_integer(writer, "windows_done", progress->windows_done);
    proto_writer_member_integer(writer, "windows", progress->windows);
    member_time(writer, "time_s", progress->time_s);
    member_time(writer, "duration_s", progress->duration_s);
    end(writer, form);
}

void proto_event_done(struct proto_writer *writer, enum proto_stream_form form,
                      const struct proto_answer *answer)
{
    struct proto_answer counted = *answer;
    counted.segments_streamed = true;
    begin(writer, form, "done");
    proto_answer_members_write(writer, &counted);
    end(writer, form);
}

void proto_event_error(struct proto_writer *writer, enum proto_stream_form form,
                       const struct m2c_error *error, const char *request_id)
{
    begin(writer, form, "error");
    proto_writer_key(writer, "error");
    proto_problem_write(writer, error, request_id, -1);
    end(writer, form);
}

void proto_event_keep_alive(struct proto_writer *writer, enum proto_stream_form form,
                            const struct proto_timeline_progress *progress)
{
    if (form == PROTO_STREAM_SSE)
        proto_writer_raw(writer, ": keep-alive\n\n");
    else
        proto_event_progress(writer, form, progress);
}
