/* What a timeline tells: events of a stream, or one answer. */
#include <stdlib.h>
#include <string.h>

#include "proto/webvtt.h"
#include "runtime/clock.h"
#include "server/handlers/json_reply.h"
#include "server/handlers/kept_video.h"
#include "server/handlers/timeline_internal.h"

enum { SHOWN_PREDICTIONS = 5 /* of a window */ };

static enum proto_stream_form stream_form(const struct srv_timeline *timeline)
{
    return timeline->form == SRV_TIMELINE_EVENTS ? PROTO_STREAM_SSE : PROTO_STREAM_NDJSON;
}

/* Storage that an answer or an event borrows. */
struct parts {
    struct proto_video_facts video;
    struct proto_sampling_facts sampling;
    const char *warnings[M2C_MAX_WARNINGS];
    size_t warning_count;
};

static void describe(const struct srv_timeline *timeline, struct parts *parts)
{
    const struct srv_exchange *exchange = timeline->exchange;
    const struct m2c_clip_frames *clip = &timeline->facts;
    srv_describe_video(&clip->facts, exchange->items[0].content, &parts->video);
    parts->sampling = (struct proto_sampling_facts){.frames = clip->frames_per_view,
                                                    .stride = exchange->sampling.stride,
                                                    .temporal_views = clip->temporal_views,
                                                    .spatial_views = clip->spatial_views};
    parts->warning_count =
        m2c_pipeline_warnings(srv_served_model(exchange->served), clip->warnings, parts->warnings);
}

static struct proto_timing_ms times_of(const struct srv_timeline *timeline)
{
    const struct srv_exchange *exchange = timeline->exchange;
    struct srv_video_times times = srv_timeline_job_times(timeline->job);
    struct proto_timing_ms timing = {.receive = srv_request_receive_ms(exchange->request),
                                     .queue = times.queue_ms,
                                     .decode = times.decode_ms,
                                     .encode = times.encode_ms};
    if (exchange->label_job)
        timing.text = srv_label_job_result(exchange->label_job).text_ms;
    timing.total = m2c_clock_ms() - srv_request_complete_ms(exchange->request) + timing.receive;
    return timing;
}

static struct proto_answer answer_of(const struct srv_timeline *timeline, struct parts *parts)
{
    const struct srv_exchange *exchange = timeline->exchange;
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    const struct m2c_model *model = srv_served_model(exchange->served);
    describe(timeline, parts);
    struct proto_answer answer = {.id = srv_request_id(exchange->request),
                                  .model = info->name,
                                  .model_version = info->version,
                                  .precision = m2c_precision_name(m2c_model_precision(model)),
                                  .warnings = parts->warnings,
                                  .warning_count = parts->warning_count,
                                  .payload = PROTO_PAYLOAD_SEGMENTS,
                                  .segments = timeline->segments,
                                  .segment_count = timeline->segment_count,
                                  .video = &parts->video,
                                  .sampling = &parts->sampling,
                                  .timing_ms = times_of(timeline)};
    if (exchange->label_job) {
        struct srv_label_result labels = srv_label_job_result(exchange->label_job);
        answer.cache.labels_hit = labels.rows_hit;
        answer.cache.labels_miss = labels.rows_miss;
    }
    return answer;
}

static void note_record(const struct srv_timeline *timeline, const struct proto_answer *answer)
{
    struct srv_record *record = srv_request_record(timeline->exchange->request);
    srv_record_set_model(record, answer->model, answer->model_version);
    record->labels_hit = (unsigned)answer->cache.labels_hit;
    record->labels_miss = (unsigned)answer->cache.labels_miss;
    record->queue_ms = answer->timing_ms.queue;
    record->decode_ms = answer->timing_ms.decode;
    record->encode_ms = answer->timing_ms.encode;
    record->text_ms = answer->timing_ms.text;
}

void srv_timeline_send(struct srv_timeline *timeline)
{
    struct m2c_error err;
    char *text = NULL;
    size_t size = 0;
    if (proto_writer_take(&timeline->writer, &text, &size, &err) == M2C_OK)
        (void)srv_stream_write(timeline->stream, text, size);
    free(text);
    timeline->told_ms = m2c_clock_ms();
}

enum m2c_status srv_timeline_open_stream(struct srv_timeline *timeline, struct m2c_error *err)
{
    struct srv_exchange *exchange = timeline->exchange;
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    const struct m2c_model *model = srv_served_model(exchange->served);
    struct parts parts;
    (void)srv_request_add_header(exchange->request, "X-Accel-Buffering", "no");
    timeline->stream = srv_request_stream(exchange->request, 200,
                                          proto_stream_content_type(stream_form(timeline)));
    if (!timeline->stream)
        return m2c_fail_memory(err, "a stream", 0);
    describe(timeline, &parts);
    const struct proto_timeline_start start = {
        .id = srv_request_id(exchange->request),
        .model = info->name,
        .model_version = info->version,
        .precision = m2c_precision_name(m2c_model_precision(model)),
        .warnings = parts.warnings,
        .warning_count = parts.warning_count,
        .window_s = exchange->options.window_s,
        .hop_s = exchange->options.hop_s,
        .windows = timeline->progress.windows,
        .video = &parts.video,
        .sampling = &parts.sampling,
    };
    proto_event_start(&timeline->writer, stream_form(timeline), &start);
    timeline->progress_ms = m2c_clock_ms();
    return M2C_OK;
}

bool srv_timeline_fail(struct srv_timeline *timeline, const struct m2c_error *err)
{
    struct srv_stream *stream = timeline->stream;
    struct srv_request *request = timeline->exchange->request;
    if (!stream)
        return false;
    struct parts parts;
    struct proto_answer answer = answer_of(timeline, &parts);
    note_record(timeline, &answer);
    srv_request_record(request)->error = *err;
    proto_event_error(&timeline->writer, stream_form(timeline), err, srv_request_id(request));
    srv_timeline_send(timeline);
    timeline->stream = NULL;
    srv_stream_end(stream);
    return true;
}

void srv_timeline_tell_window(struct srv_timeline *timeline, const struct m2c_window *window)
{
    const struct srv_label_source *source = timeline->exchange->labels;
    const struct m2c_selection selection = {.top_k = SHOWN_PREDICTIONS};
    struct proto_prediction shown[SHOWN_PREDICTIONS];
    memcpy(timeline->best, timeline->scored, timeline->count * sizeof *timeline->best);
    size_t count = m2c_select_predictions(timeline->best, timeline->count, &selection);
    for (size_t i = 0; i < count; i++) {
        const struct m2c_prediction *best = &timeline->best[i];
        shown[i] = (struct proto_prediction){
            .label = timeline->names[best->index],
            .label_id = timeline->by_labels && source->ids ? source->ids[best->index] : NULL,
            .index = best->index,
            .score = best->score,
            .has_similarity = timeline->by_labels,
            .similarity = best->similarity};
    }
    const struct proto_timeline_window told = {.index = window->index,
                                               .start_s = window->start_s,
                                               .end_s = window->end_s,
                                               .predictions = {shown, count}};
    proto_event_window(&timeline->writer, stream_form(timeline), &told);
}

void srv_timeline_tell_progress(struct srv_timeline *timeline)
{
    timeline->progress_ms = m2c_clock_ms();
    proto_event_progress(&timeline->writer, stream_form(timeline), &timeline->progress);
}

void srv_timeline_tell_segment(struct srv_timeline *timeline, const struct proto_segment *segment)
{
    proto_event_segment(&timeline->writer, stream_form(timeline), segment);
}

void srv_timeline_keep_alive(struct srv_timeline *timeline)
{
    proto_event_keep_alive(&timeline->writer, stream_form(timeline), &timeline->progress);
}

static int compare_segments(const void *left, const void *right)
{
    const struct proto_segment *a = left, *b = right;
    if (a->start_s != b->start_s)
        return a->start_s < b->start_s ? -1 : 1;
    if (a->end_s != b->end_s)
        return a->end_s < b->end_s ? -1 : 1;
    return (a->index > b->index) - (a->index < b->index);
}

static void reply_vtt(struct srv_timeline *timeline)
{
    struct srv_request *request = timeline->exchange->request;
    struct srv_response response = srv_response_new(200, PROTO_WEBVTT_CONTENT_TYPE);
    struct m2c_error err;
    proto_webvtt_write(&timeline->writer, timeline->segments, timeline->segment_count);
    if (proto_writer_take(&timeline->writer, &response.bytes, &response.size, &err) == M2C_OK)
        srv_request_respond(request, &response);
    else
        srv_request_fail(request, &err, -1);
}

void srv_timeline_reply(struct srv_timeline *timeline)
{
    struct srv_exchange *exchange = timeline->exchange;
    struct srv_stream *stream = timeline->stream;
    struct parts parts;
    if (timeline->segments)
        qsort(timeline->segments, timeline->segment_count, sizeof *timeline->segments,
              compare_segments);
    struct proto_answer answer = answer_of(timeline, &parts);
    note_record(timeline, &answer);
    switch (timeline->form) {
    case SRV_TIMELINE_JSON:
        proto_answer_write(&timeline->writer, &answer);
        srv_reply_json(exchange->request, 200, &timeline->writer);
        break;
    case SRV_TIMELINE_VTT:
        reply_vtt(timeline);
        break;
    case SRV_TIMELINE_NDJSON:
    case SRV_TIMELINE_EVENTS:
        srv_timeline_tell_progress(timeline);
        proto_event_done(&timeline->writer, stream_form(timeline), &answer);
        srv_timeline_send(timeline);
        timeline->stream = NULL;
        srv_stream_end(stream);
        break;
    }
}
