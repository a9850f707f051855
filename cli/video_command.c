#include "cli/video_command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/decode_ahead.h"
#include "cli/request_options.h"
#include "cli/results.h"
#include "runtime/clock.h"

enum {
    /* Frames of one forward pass: several views together, as far as memory stays modest. */
    BATCH_FRAMES = 64,
    ID_BYTES = 17,
};

/* One input on its way. */
struct item {
    const char *input;
    char id[ID_BYTES];
    struct cli_decoded decoded;
    struct m2c_video_embedding embedding;
    struct proto_timing_ms timing_ms;
};

struct proto_prediction_list cli_predict_classes(struct cli_video_run *run,
                                                 struct proto_prediction_room *room,
                                                 const struct m2c_video_embedding *embedding,
                                                 bool *unknown)
{
    const struct m2c_label_list *labels = m2c_set_info(run->session.set)->labels;
    return proto_predict_classes(room, embedding->vc_logits, (size_t)embedding->views,
                                 (size_t)embedding->classes, (const char *const *)labels->names,
                                 &run->options, unknown);
}

void cli_video_options(struct cli_option_list *list, enum proto_route route)
{
    cli_session_options(list);
    cli_request_options(list, route);
    cli_output_options(list);
}

static void make_id(char id[ID_BYTES])
{
    unsigned char bytes[(ID_BYTES - 1) / 2] = {0};
    if (getrandom(bytes, sizeof bytes, GRND_NONBLOCK) != (ssize_t)sizeof bytes)
        memcpy(bytes, &(double){m2c_clock_ms()}, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", bytes[i]);
}

/* Time counts while work is done on the input, not while it waits for the one before. */
static enum m2c_status check_deadline(const struct cli_video_run *run, const struct item *item,
                                      double encode_ms, struct m2c_error *err)
{
    double spent_ms = item->decoded.receive_ms + item->decoded.decode_ms + encode_ms;
    if (!proto_options_has(&run->options, PROTO_TIMEOUT_MS) || spent_ms < run->options.timeout_ms)
        return M2C_OK;
    return m2c_fail(err, M2C_DEADLINE, "the timeout of %d ms has passed", run->options.timeout_ms);
}

static void plan_decoding(const struct cli_video_run *run, struct m2c_decode_plan *plan)
{
    m2c_pipeline_plan(run->session.model, run->session.set, &run->sampling, plan);
}

static enum m2c_status encode(const struct cli_video_route *route, struct cli_video_run *run,
                              struct item *item, struct m2c_error *err)
{
    double started_ms = m2c_clock_ms();
    const struct m2c_clip_frames *clip = &item->decoded.clip;
    int views = clip->temporal_views * clip->spatial_views;
    enum m2c_status status = check_deadline(run, item, 0.0, err);
    if (status == M2C_OK)
        status = m2c_video_embedding_init(&item->embedding, run->session.set, views,
                                          clip->frames_per_view, err);
    if (status == M2C_OK)
        status = m2c_pipeline_encode_views(run->session.encoder, run->session.set, clip, 0, views,
                                           &item->embedding, NULL, err);
    if (status == M2C_OK && route->finish)
        status = route->finish(run, &item->embedding, err);
    item->timing_ms.encode = m2c_clock_ms() - started_ms;
    if (status == M2C_OK)
        status = check_deadline(run, item, item->timing_ms.encode, err);
    return status;
}

static void describe_video(const struct item *item, struct proto_video_facts *facts)
{
    const struct m2c_video_facts *stream = &item->decoded.clip.facts;
    *facts = (struct proto_video_facts){
        .id = item->decoded.content,
        .codec = stream->codec,
        .width = stream->width,
        .height = stream->height,
        .rotation = stream->rotation,
        .fps = stream->fps,
        .frames = stream->frames,
        .duration_s = stream->duration_s,
    };
}

static void describe_sampling(const struct cli_video_run *run, const struct item *item,
                              struct proto_sampling_facts *facts)
{
    *facts = (struct proto_sampling_facts){
        .frames = item->decoded.clip.frames_per_view,
        .stride = run->sampling.stride,
        .temporal_views = item->decoded.clip.temporal_views,
        .spatial_views = item->decoded.clip.spatial_views,
        .frame_indices = item->decoded.clip.frame_indices,
        .frame_times_s = item->decoded.clip.frame_times_s,
    };
}

/* Fills and writes the answer; without a video `item->input` is NULL. */
static enum m2c_status write_answer(const struct cli_video_route *route, struct cli_video_run *run,
                                    struct item *item, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(run->session.set);
    struct proto_video_facts video;
    struct proto_sampling_facts sampling;
    const char *warnings[M2C_MAX_WARNINGS];
    struct proto_answer answer = {
        .input = item->input,
        .id = item->id,
        .model = info->name,
        .model_version = info->version,
        .precision = m2c_precision_name(m2c_model_precision(run->session.model)),
        .payload = route->payload,
        .warnings = warnings,
        .warning_count =
            m2c_pipeline_warnings(run->session.model, item->decoded.clip.warnings, warnings),
    };
    if (item->input) {
        describe_video(item, &video);
        describe_sampling(run, item, &sampling);
        answer.video = &video;
        answer.sampling = &sampling;
    }
    route->fill(run, item->input ? &item->embedding : NULL, &answer);
    struct proto_timing_ms *timing = &item->timing_ms;
    timing->receive = item->decoded.receive_ms;
    timing->text = run->text_ms;
    run->text_ms = 0;
    timing->total = timing->receive + timing->decode + timing->encode + timing->text;
    answer.timing_ms = *timing;
    return cli_result_answer(&run->output, &answer, err);
}

static void tell_failure(const char *input, const struct m2c_error *failure)
{
    const char *detail = failure->detail[0] ? failure->detail : m2c_status_title(failure->status);
    (void)fprintf(stderr, "m2clip: %s: %s%s%s\n", input, detail, failure->context[0] ? ": " : "",
                  failure->context);
}

/* A video that the route looks at in its own way, as a whole file. */
static enum m2c_status look(const struct cli_video_route *route, struct cli_video_run *run,
                            struct item *item, struct m2c_error *err)
{
    struct cli_video_file file;
    struct m2c_decode_plan plan;
    plan_decoding(run, &plan);
    enum m2c_status status = cli_decoded_open(&item->decoded, item->input, &file, err);
    if (proto_options_has(&run->options, PROTO_TIMEOUT_MS))
        plan.limits.max_wall_ms = run->options.timeout_ms - item->decoded.receive_ms;
    if (status == M2C_OK)
        status =
            route->look(run, item->input, &file, &plan, &item->decoded.clip, &item->timing_ms, err);
    cli_video_file_close(&file);
    return status;
}

/* One input to its line of output; without a video `item->input` is NULL. Only a failure to write
 * ends the run. */
static enum m2c_status finish_input(const struct cli_video_route *route, struct cli_video_run *run,
                                    struct item *item, bool *failed, struct m2c_error *err)
{
    struct m2c_error failure = item->decoded.failure;
    make_id(item->id);
    if (item->input && route->look)
        failure.status = look(route, run, item, &failure);
    else if (item->input && failure.status == M2C_OK)
        failure.status = encode(route, run, item, &failure);
    if (failure.status == M2C_OK)
        return write_answer(route, run, item, err);
    *failed = true;
    tell_failure(item->input, &failure);
    return cli_result_failure(&run->output, item->input, &failure, item->id, route->payload, err);
}

static enum m2c_status run_each(const struct cli_video_route *route, struct cli_video_run *run,
                                struct cli_decode_ahead *ahead, const struct cli_inputs *inputs,
                                bool *failed, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; i < inputs->count && status == M2C_OK; i++) {
        struct item item = {.input = inputs->items[i]};
        cli_progress_show(i + 1, inputs->count, item.input);
        if (ahead)
            cli_decode_ahead_next(ahead, &item.decoded);
        item.timing_ms.decode = item.decoded.decode_ms;
        status = finish_input(route, run, &item, failed, err);
        m2c_video_embedding_destroy(&item.embedding);
        cli_decoded_destroy(&item.decoded);
        cli_progress_clear(inputs->count);
    }
    return status;
}

static enum m2c_status start_decoding(const struct cli_video_run *run,
                                      const struct cli_inputs *inputs,
                                      struct cli_decode_ahead **ahead, struct m2c_error *err)
{
    struct m2c_decode_plan plan;
    bool timed = proto_options_has(&run->options, PROTO_TIMEOUT_MS);
    plan_decoding(run, &plan);
    return cli_decode_ahead_new(inputs, &plan, NULL, timed ? (double)run->options.timeout_ms : 0.0,
                                ahead, err);
}

static enum m2c_status run_inputs(const struct cli_video_route *route, struct cli_video_run *run,
                                  const struct cli_inputs *inputs, struct m2c_error *err)
{
    bool failed = false;
    enum m2c_status status = M2C_OK;
    struct item no_video = {.input = NULL};
    struct cli_decode_ahead *ahead = NULL;
    if (run->output.format == CLI_VTT && inputs->count > 1)
        return m2c_fail_field(err, M2C_USAGE, "format", "--format vtt takes one input, not %zu",
                              inputs->count);
    if (inputs->count == 0)
        return finish_input(route, run, &no_video, &failed, err);
    if (!route->look)
        status = start_decoding(run, inputs, &ahead, err);
    if (status == M2C_OK)
        status = run_each(route, run, ahead, inputs, &failed, err);
    cli_decode_ahead_free(&ahead);
    if (status == M2C_OK && failed) {
        *err = (struct m2c_error){.status = M2C_INTERNAL};
        status = M2C_INTERNAL;
    }
    return status;
}

static enum m2c_status open_run(const struct cli_video_route *route, struct cli_video_run *run,
                                struct m2c_error *err)
{
    enum m2c_status status = cli_request_read(run->arguments, route->route, &run->options, err);
    if (status == M2C_OK)
        status = cli_session_open(&run->session, run->arguments, M2C_PRECISION_AUTO, err);
    if (status != M2C_OK)
        return status;
    struct m2c_sampling preferred = m2c_pipeline_default_sampling(run->session.set);
    status = proto_options_sampling(&run->options, &preferred, &run->sampling, err);
    if (status != M2C_OK)
        return status;
    int frames = run->sampling.frames * run->sampling.temporal_views * run->sampling.spatial_views;
    int batch = frames < BATCH_FRAMES ? frames : BATCH_FRAMES;
    status = cli_session_encoder(&run->session,
                                 batch > run->sampling.frames ? batch : run->sampling.frames, err);
    double started_ms = m2c_clock_ms();
    if (status == M2C_OK)
        status = route->prepare(run, err);
    if (route->route != PROTO_CLASSIFY)
        run->text_ms = m2c_clock_ms() - started_ms;
    if (status == M2C_OK)
        status = cli_output_open(&run->output, run->arguments,
                                 route->payload == PROTO_PAYLOAD_SEGMENTS, err);
    run->output.dim = (size_t)m2c_set_info(run->session.set)->dim;
    return status;
}

static void close_run(const struct cli_video_route *route, struct cli_video_run *run)
{
    if (route->close)
        route->close(run);
    free(run->embeddings);
    free(run->vectors);
    proto_prediction_room_destroy(&run->classes);
    proto_prediction_room_destroy(&run->predictions);
    cli_label_vectors_destroy(&run->labels);
    cli_session_close(&run->session);
    proto_options_destroy(&run->options);
}

enum m2c_status cli_video_command(const struct cli_video_route *route,
                                  const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct cli_video_run run = {.arguments = arguments};
    struct cli_inputs inputs;
    struct m2c_error closing;
    enum m2c_status status = cli_inputs_expand(arguments, &inputs, err);
    if (status == M2C_OK && inputs.count == 0 && !route->video_is_optional)
        status = m2c_fail(err, M2C_USAGE, "no input is given");
    if (status == M2C_OK)
        status = open_run(route, &run, err);
    if (status == M2C_OK)
        status = run_inputs(route, &run, &inputs, err);
    enum m2c_status closed = cli_output_close(&run.output, &closing);
    if (status == M2C_OK && closed != M2C_OK) {
        *err = closing;
        status = closed;
    }
    close_run(route, &run);
    cli_inputs_destroy(&inputs);
    return status;
}
