#include "cli/results.h"

#include "proto/problem.h"
#include "proto/webvtt.h"

enum { SHOWN_VALUES = 6 };

static void print_prediction(FILE *stream, const struct proto_prediction *prediction)
{
    (void)fprintf(stream, "  %8.4f  ", (double)prediction->score);
    if (prediction->has_similarity)
        (void)fprintf(stream, "%8.4f  ", (double)prediction->similarity);
    (void)fprintf(stream, "%s", prediction->label);
    if (prediction->label_id)
        (void)fprintf(stream, " [%s]", prediction->label_id);
    (void)fputc('\n', stream);
}

static void print_predictions(FILE *stream, const struct proto_prediction_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        print_prediction(stream, &list->items[i]);
}

static void print_embedding(FILE *stream, const struct proto_embedding *embedding, size_t dim)
{
    size_t shown = dim < SHOWN_VALUES ? dim : SHOWN_VALUES;
    (void)fprintf(stream, "  %-6s", embedding->text ? "text" : "video");
    for (size_t i = 0; i < shown; i++)
        (void)fprintf(stream, " %8.5f", (double)embedding->vector[i]);
    (void)fprintf(stream, "%s", dim > shown ? " ..." : "");
    if (embedding->text)
        (void)fprintf(stream, "  %s", embedding->text);
    (void)fputc('\n', stream);
}

static void print_segment(FILE *stream, const struct proto_segment *segment)
{
    (void)fprintf(stream, "  %10.3f  %10.3f  %8.4f  ", segment->start_s, segment->end_s,
                  (double)segment->score);
    if (segment->has_similarity)
        (void)fprintf(stream, "%8.4f  ", (double)segment->similarity);
    (void)fprintf(stream, "%s\n", segment->label);
}

static void print_heading(FILE *stream, const struct proto_answer *answer)
{
    const struct proto_video_facts *video = answer->video;
    const struct proto_sampling_facts *sampling = answer->sampling;
    (void)fprintf(stream, "%s", answer->input ? answer->input : "texts");
    if (video)
        (void)fprintf(stream, "  %s %dx%d, %lld frames, %.2f s", video->codec, video->width,
                      video->height, video->frames, video->duration_s);
    if (sampling && sampling->stride > 0)
        (void)fprintf(stream, "; %d frames at stride %d, views %dx%d", sampling->frames,
                      sampling->stride, sampling->temporal_views, sampling->spatial_views);
    else if (sampling)
        (void)fprintf(stream, "; %d frames uniform, views %dx%d", sampling->frames,
                      sampling->temporal_views, sampling->spatial_views);
    (void)fprintf(stream, "; %.0f ms", answer->timing_ms.total);
    for (size_t i = 0; i < answer->warning_count; i++)
        (void)fprintf(stream, "; %s", answer->warnings[i]);
    (void)fputc('\n', stream);
}

static void print_table(FILE *stream, const struct proto_answer *answer)
{
    print_heading(stream, answer);
    print_predictions(stream, &answer->predictions);
    if (answer->unknown)
        (void)fputs("  unknown: no prediction reaches the minima\n", stream);
    if (answer->has_other)
        (void)fprintf(stream, "  %8.4f  (background)\n", (double)answer->other);
    if (answer->has_classes) {
        (void)fputs("  classes:\n", stream);
        print_predictions(stream, &answer->classes);
    }
    for (size_t i = 0; i < answer->embedding_count; i++)
        print_embedding(stream, &answer->embeddings[i], answer->dim);
    for (size_t i = 0; i < answer->segment_count; i++)
        print_segment(stream, &answer->segments[i]);
    for (size_t i = 0; i < answer->mask_count; i++) {
        (void)fprintf(stream, "  [MASK] at %d:\n", answer->masks[i].position);
        print_predictions(stream, &answer->masks[i].predictions);
    }
}

/* Column names; embeddings go on with v0, v1, ... */
static const char *const csv_columns[] = {
    [PROTO_PAYLOAD_PREDICTIONS] = "input,kind,rank,label,label_id,index,score,similarity,error",
    [PROTO_PAYLOAD_EMBEDDINGS] = "input,type,index,text,error",
    [PROTO_PAYLOAD_SEGMENTS] = "input,start_s,end_s,label,index,score,similarity,peak_s,error",
    [PROTO_PAYLOAD_MASKS] = "input,position,rank,label,index,score,error",
};

/* What stands between a failed input and its error. */
static const char *const csv_failure[] = {
    [PROTO_PAYLOAD_PREDICTIONS] = ",error,,,,,,,",
    [PROTO_PAYLOAD_EMBEDDINGS] = ",,,,",
    [PROTO_PAYLOAD_SEGMENTS] = ",,,,,,,,",
    [PROTO_PAYLOAD_MASKS] = ",,,,,,",
};

static void csv_header(struct cli_output *output, enum proto_payload payload)
{
    if (output->rows++ > 0)
        return;
    (void)fputs(csv_columns[payload], output->stream);
    for (size_t i = 0; i < output->dim && payload == PROTO_PAYLOAD_EMBEDDINGS; i++)
        (void)fprintf(output->stream, ",v%zu", i);
    (void)fputc('\n', output->stream);
}

static void csv_prediction(FILE *stream, const char *input, const char *kind, size_t rank,
                           const struct proto_prediction *prediction)
{
    cli_csv_text(stream, input);
    (void)fprintf(stream, ",%s,%zu,", kind, rank);
    cli_csv_text(stream, prediction->label);
    (void)fputc(',', stream);
    cli_csv_text(stream, prediction->label_id);
    (void)fprintf(stream, ",%zu,%.7g,", prediction->index, (double)prediction->score);
    if (prediction->has_similarity)
        (void)fprintf(stream, "%.7g", (double)prediction->similarity);
    (void)fputs(",\n", stream);
}

static void csv_predictions(FILE *stream, const struct proto_answer *answer)
{
    for (size_t i = 0; i < answer->predictions.count; i++)
        csv_prediction(stream, answer->input, "prediction", i + 1, &answer->predictions.items[i]);
    for (size_t i = 0; i < answer->classes.count && answer->has_classes; i++)
        csv_prediction(stream, answer->input, "class", i + 1, &answer->classes.items[i]);
    if (answer->has_other) {
        cli_csv_text(stream, answer->input);
        (void)fprintf(stream, ",other,,,,,%.7g,,\n", (double)answer->other);
    }
    if (answer->unknown) {
        cli_csv_text(stream, answer->input);
        (void)fputs(",unknown,,,,,,,\n", stream);
    }
}

static void csv_embeddings(FILE *stream, const struct proto_answer *answer)
{
    for (size_t i = 0; i < answer->embedding_count; i++) {
        const struct proto_embedding *embedding = &answer->embeddings[i];
        cli_csv_text(stream, answer->input);
        (void)fprintf(stream, ",%s,%zu,", embedding->text ? "text" : "video", embedding->index);
        cli_csv_text(stream, embedding->text);
        (void)fputc(',', stream);
        for (size_t e = 0; e < answer->dim; e++)
            (void)fprintf(stream, ",%.9g", (double)embedding->vector[e]);
        (void)fputc('\n', stream);
    }
}

static void csv_segments(FILE *stream, const struct proto_answer *answer)
{
    for (size_t i = 0; i < answer->segment_count; i++) {
        const struct proto_segment *segment = &answer->segments[i];
        cli_csv_text(stream, answer->input);
        (void)fprintf(stream, ",%.3f,%.3f,", segment->start_s, segment->end_s);
        cli_csv_text(stream, segment->label);
        (void)fprintf(stream, ",%zu,%.7g,", segment->index, (double)segment->score);
        if (segment->has_similarity)
            (void)fprintf(stream, "%.7g", (double)segment->similarity);
        (void)fprintf(stream, ",%.3f,\n", segment->peak_s);
    }
}

static void csv_masks(FILE *stream, const struct proto_answer *answer)
{
    for (size_t i = 0; i < answer->mask_count; i++) {
        const struct proto_mask *mask = &answer->masks[i];
        for (size_t k = 0; k < mask->predictions.count; k++) {
            const struct proto_prediction *prediction = &mask->predictions.items[k];
            cli_csv_text(stream, answer->input);
            (void)fprintf(stream, ",%d,%zu,", mask->position, k + 1);
            cli_csv_text(stream, prediction->label);
            (void)fprintf(stream, ",%zu,%.7g,\n", prediction->index, (double)prediction->score);
        }
    }
}

static void csv_answer(struct cli_output *output, const struct proto_answer *answer)
{
    csv_header(output, answer->payload);
    switch (answer->payload) {
    case PROTO_PAYLOAD_PREDICTIONS:
        csv_predictions(output->stream, answer);
        break;
    case PROTO_PAYLOAD_EMBEDDINGS:
        csv_embeddings(output->stream, answer);
        break;
    case PROTO_PAYLOAD_SEGMENTS:
        csv_segments(output->stream, answer);
        break;
    case PROTO_PAYLOAD_MASKS:
        csv_masks(output->stream, answer);
        break;
    }
}

enum m2c_status cli_result_answer(struct cli_output *output, const struct proto_answer *answer,
                                  struct m2c_error *err)
{
    struct proto_writer writer = {0};
    switch (output->format) {
    case CLI_JSONL:
        proto_answer_write(&writer, answer);
        return cli_output_json(output, &writer, err);
    case CLI_CSV:
        csv_answer(output, answer);
        break;
    case CLI_VTT:
        proto_webvtt_write(&writer, answer->segments, answer->segment_count);
        return cli_output_text(output, &writer, err);
    case CLI_TABLE:
        print_table(output->stream, answer);
        break;
    }
    if (fflush(output->stream) != 0)
        return m2c_fail_errno(err, "writing the results", output->path ? output->path : "stdout");
    return M2C_OK;
}

enum m2c_status cli_result_failure(struct cli_output *output, const char *input,
                                   const struct m2c_error *failure, const char *request_id,
                                   enum proto_payload payload, struct m2c_error *err)
{
    struct proto_writer writer = {0};
    if (output->format == CLI_JSONL) {
        proto_writer_object_begin(&writer);
        proto_writer_key(&writer, "input");
        proto_writer_string(&writer, input);
        proto_writer_key(&writer, "error");
        proto_problem_write(&writer, failure, request_id, -1);
        proto_writer_object_end(&writer);
        return cli_output_json(output, &writer, err);
    }
    if (output->format == CLI_CSV) {
        csv_header(output, payload);
        cli_csv_text(output->stream, input);
        (void)fprintf(output->stream, "%s%s\n", csv_failure[payload],
                      m2c_status_code(failure->status));
    }
    return M2C_OK;
}
