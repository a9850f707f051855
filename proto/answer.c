#include "proto/answer.h"

#include <math.h>
#include <stdio.h>

enum {
    SCORE_DIGITS = 7,  /* a float's own precision */
    VECTOR_DIGITS = 9, /* carries a float exactly */
    TIME_DECIMALS = 3,
    RATE_DIGITS = 7,
};

static void member_score(struct proto_writer *writer, const char *key, float value, bool known)
{
    proto_writer_key(writer, key);
    if (known)
        proto_writer_number(writer, (double)value, SCORE_DIGITS);
    else
        proto_writer_null(writer);
}

static void member_time(struct proto_writer *writer, const char *key, double value)
{
    proto_writer_key(writer, key);
    proto_writer_fixed(writer, value, TIME_DECIMALS);
}

void proto_prediction_write(struct proto_writer *writer, const struct proto_prediction *prediction)
{
    proto_writer_object_begin(writer);
    proto_writer_member_string(writer, "label", prediction->label);
    proto_writer_member_string(writer, "label_id", prediction->label_id);
    proto_writer_member_integer(writer, "index", (long long)prediction->index);
    member_score(writer, "score", prediction->score, true);
    member_score(writer, "similarity", prediction->similarity, prediction->has_similarity);
    proto_writer_object_end(writer);
}

static void write_predictions(struct proto_writer *writer, const char *key,
                              const struct proto_prediction_list *list)
{
    proto_writer_key(writer, key);
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < list->count; i++)
        proto_prediction_write(writer, &list->items[i]);
    proto_writer_array_end(writer);
}

void proto_segment_members_write(struct proto_writer *writer, const struct proto_segment *segment)
{
    member_time(writer, "start_s", segment->start_s);
    member_time(writer, "end_s", segment->end_s);
    proto_writer_member_string(writer, "label", segment->label);
    proto_writer_member_integer(writer, "index", (long long)segment->index);
    member_score(writer, "score", segment->score, true);
    member_score(writer, "similarity", segment->similarity, segment->has_similarity);
    member_time(writer, "peak_s", segment->peak_s);
}

void proto_segment_write(struct proto_writer *writer, const struct proto_segment *segment)
{
    proto_writer_object_begin(writer);
    proto_segment_members_write(writer, segment);
    proto_writer_object_end(writer);
}

static void write_segments(struct proto_writer *writer, const struct proto_answer *answer)
{
    if (answer->segments_streamed) {
        proto_writer_member_integer(writer, "segment_count", (long long)answer->segment_count);
        return;
    }
    proto_writer_key(writer, "segments");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < answer->segment_count; i++)
        proto_segment_write(writer, &answer->segments[i]);
    proto_writer_array_end(writer);
}

static void write_embeddings(struct proto_writer *writer, const struct proto_answer *answer)
{
    proto_writer_key(writer, "embeddings");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < answer->embedding_count; i++) {
        const struct proto_embedding *embedding = &answer->embeddings[i];
        proto_writer_object_begin(writer);
        proto_writer_member_string(writer, "type", embedding->text ? "text" : "video");
        proto_writer_member_integer(writer, "index", (long long)embedding->index);
        proto_writer_member_string(writer, "text", embedding->text);
        proto_writer_key(writer, "vector");
        proto_writer_array_begin(writer);
        for (size_t e = 0; e < answer->dim; e++)
            proto_writer_number(writer, (double)embedding->vector[e], VECTOR_DIGITS);
        proto_writer_array_end(writer);
        proto_writer_object_end(writer);
    }
    proto_writer_array_end(writer);
    proto_writer_member_integer(writer, "dim", (long long)answer->dim);
}

static void write_masks(struct proto_writer *writer, const struct proto_answer *answer)
{
    proto_writer_key(writer, "masks");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < answer->mask_count; i++) {
        proto_writer_object_begin(writer);
        proto_writer_member_integer(writer, "position", answer->masks[i].position);
        write_predictions(writer, "predictions", &answer->masks[i].predictions);
        proto_writer_object_end(writer);
    }
    proto_writer_array_end(writer);
}

static void write_payload(struct proto_writer *writer, const struct proto_answer *answer)
{
    switch (answer->payload) {
    case PROTO_PAYLOAD_PREDICTIONS:
        write_predictions(writer, "predictions", &answer->predictions);
        break;
    case PROTO_PAYLOAD_EMBEDDINGS:
        write_embeddings(writer, answer);
        break;
    case PROTO_PAYLOAD_SEGMENTS:
        write_segments(writer, answer);
        break;
    case PROTO_PAYLOAD_MASKS:
        write_masks(writer, answer);
        break;
    }
    if (answer->unknown) {
        proto_writer_key(writer, "unknown");
        proto_writer_bool(writer, true);
    }
    if (answer->has_other)
        member_score(writer, "other", answer->other, true);
    if (answer->has_classes)
        write_predictions(writer, "classes", &answer->classes);
}

void proto_video_facts_write(struct proto_writer *writer, const struct proto_video_facts *video)
{
    if (!video) {
        proto_writer_null(writer);
        return;
    }
    proto_writer_object_begin(writer);
    proto_writer_member_string(writer, "id", video->id);
    proto_writer_member_string(writer, "codec", video->codec);
    proto_writer_member_integer(writer, "width", video->width);
    proto_writer_member_integer(writer, "height", video->height);
    proto_writer_member_integer(writer, "rotation", video->rotation);
    proto_writer_key(writer, "fps");
    if (video->fps > 0)
        proto_writer_number(writer, video->fps, RATE_DIGITS);
    else
        proto_writer_null(writer);
    proto_writer_member_integer(writer, "frames", video->frames);
    member_time(writer, "duration_s", video->duration_s);
    proto_writer_object_end(writer);
}

static void write_indices(struct proto_writer *writer, const struct proto_sampling_facts *sampling)
{
    const int64_t *index = sampling->frame_indices;
    proto_writer_key(writer, "frame_indices");
    proto_writer_array_begin(writer);
    for (int a = 0; index && a < sampling->temporal_views; a++) {
        proto_writer_array_begin(writer);
        for (int t = 0; t < sampling->frames; t++)
            proto_writer_integer(writer, *index++);
        proto_writer_array_end(writer);
    }
    proto_writer_array_end(writer);
}

static void write_times(struct proto_writer *writer, const struct proto_sampling_facts *sampling)
{
    const double *time_s = sampling->frame_times_s;
    proto_writer_key(writer, "frame_times_s");
    proto_writer_array_begin(writer);
    for (int a = 0; time_s && a < sampling->temporal_views; a++) {
        proto_writer_array_begin(writer);
        for (int t = 0; t < sampling->frames; t++)
            proto_writer_fixed(writer, *time_s++, TIME_DECIMALS);
        proto_writer_array_end(writer);
    }
    proto_writer_array_end(writer);
}

void proto_sampling_facts_write(struct proto_writer *writer,
                                const struct proto_sampling_facts *sampling)
{
    char views[32];
    if (!sampling) {
        proto_writer_null(writer);
        return;
    }
    (void)snprintf(views, sizeof views, "%dx%d", sampling->temporal_views, sampling->spatial_views);
    proto_writer_object_begin(writer);
    proto_writer_member_integer(writer, "frames", sampling->frames);
    if (sampling->stride == 0)
        proto_writer_member_string(writer, "stride", "uniform");
    else
        proto_writer_member_integer(writer, "stride", sampling->stride);
    proto_writer_member_string(writer, "views", views);
    write_indices(writer, sampling);
    write_times(writer, sampling);
    proto_writer_object_end(writer);
}

static void write_timing(struct proto_writer *writer, const struct proto_timing_ms *timing)
{
    proto_writer_key(writer, "timing_ms");
    proto_writer_object_begin(writer);
    member_time(writer, "receive", timing->receive);
    member_time(writer, "fetch", timing->fetch);
    member_time(writer, "queue", timing->queue);
    member_time(writer, "decode", timing->decode);
    member_time(writer, "encode", timing->encode);
    member_time(writer, "text", timing->text);
    member_time(writer, "total", timing->total);
    proto_writer_object_end(writer);
}

static void write_cache(struct proto_writer *writer, const struct proto_cache_facts *cache)
{
    proto_writer_key(writer, "cache");
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "video");
    proto_writer_bool(writer, cache->video);
    proto_writer_member_integer(writer, "labels_hit", (long long)cache->labels_hit);
    proto_writer_member_integer(writer, "labels_miss", (long long)cache->labels_miss);
    proto_writer_object_end(writer);
}

void proto_answer_members_write(struct proto_writer *writer, const struct proto_answer *answer)
{
    if (answer->input)
        proto_writer_member_string(writer, "input", answer->input);
    proto_writer_member_string(writer, "id", answer->id);
    proto_writer_member_string(writer, "model", answer->model);
    proto_writer_member_string(writer, "model_version", answer->model_version);
    proto_writer_member_string(writer, "precision", answer->precision);
    proto_writer_key(writer, "warnings");
    proto_writer_array_begin(writer);
    for (size_t i = 0; i < answer->warning_count; i++)
        proto_writer_string(writer, answer->warnings[i]);
    proto_writer_array_end(writer);
    write_payload(writer, answer);
    proto_writer_key(writer, "video");
    proto_video_facts_write(writer, answer->video);
    proto_writer_key(writer, "sampling");
    proto_sampling_facts_write(writer, answer->sampling);
    write_timing(writer, &answer->timing_ms);
    write_cache(writer, &answer->cache);
}

void proto_answer_write(struct proto_writer *writer, const struct proto_answer *answer)
{
    proto_writer_object_begin(writer);
    proto_answer_members_write(writer, answer);
    proto_writer_object_end(writer);
}
