#include "cli/video_command.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cli/request_options.h"
#include "cli/results.h"
#include "model/digest.h"
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
    char content[M2C_DIGEST_HEX_BYTES];
    struct cli_video_file file;
    struct m2c_clip_frames clip;
    struct m2c_video_embedding embedding;
    struct proto_timing_ms timing_ms;
    double started_ms, deadline_ms;
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

static enum m2c_status check_deadline(const struct item *item, struct m2c_error *err)
{
    if (m2c_clock_ms() < item->deadline_ms)
        return M2C_OK;
    return m2c_fail(err, M2C_DEADLINE, "the timeout of %.0f ms has passed",
                    item->deadline_ms - item->started_ms);
}

static enum m2c_status read_and_decode(const struct cli_video_route *route,
                                       struct cli_video_run *run, struct item *item,
                                       struct m2c_error *err)
{
    struct m2c_decode_plan plan;
    unsigned char digest[M2C_DIGEST_BYTES];
    double started_ms = m2c_clock_ms();
    enum m2c_status status = cli_video_file_open(item->input, &item->file, err);
    if (status == M2C_OK)
        status = m2c_digest_bytes(item->file.bytes, item->file.size, digest, err);
    if (status != M2C_OK)
        return status;
    m2c_digest_hex(digest, item->content);
    item->timing_ms.receive = m2c_clock_ms() - started_ms;
    m2c_pipeline_plan(run->session.model, run->session.set, &run->sampling, &plan);
    if (proto_options_has(&run->options, PROTO_TIMEOUT_MS))
        plan.limits.max_wall_ms = item->deadline_ms - m2c_clock_ms();
    if (route->look)
        return route->look(run, item->input, &item->file, &plan, &item->clip, &item->timing_ms,
                           err);
    started_ms = m2c_clock_ms();
    status = m2c_video_decode(item->file.bytes, item->file.size, &plan, &item->clip, err);
    item->timing_ms.decode = m2c_clock_ms() - started_ms;
    return status;
}

static enum m2c_status encode(const struct cli_video_route *route, struct cli_video_run *run,
                              struct item *item, struct m2c_error *err)
{
    double started_ms = m2c_clock_ms();
    int views = item->clip.temporal_views * item->clip.spatial_views;
    enum m2c_status status = check_deadline(item, err);
    if (status == M2C_OK)
        status = m2c_video_embedding_init(&item->embedding, run->session.set, views,
                                          item->clip.frames_per_view, err);
    if (status == M2C_OK)
        status = m2c_pipeline_encode_views(run->session.encoder, run->session.set, &item->clip, 0,
                                           views, &item->embedding, NULL, err);
    if (status == M2C_OK && route->finish)
        status = route->finish(run, &item->embedding, err);
    if (status == M2C_OK)
        status = check_deadline(item, err);
    item->timing_ms.encode = m2c_clock_ms() - started_ms;
    return status;
}

static void describe_video(const struct item *item, struct proto_video_facts *facts)
{
    const struct m2c_video_facts *stream = &item->clip.facts;
    *facts = (struct proto_video_facts){
        .id = item->content,
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
        .frames = item->clip.frames_per_view,
        .stride = run->sampling.stride,
        .temporal_views = item->clip.temporal_views,
        .spatial_views = item->clip.spatial_views,
        .frame_indices = item->clip.frame_indices,
        .frame_times_s = item->clip.frame_times_s,
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
        .warning_count = m2c_pipeline_warnings(run->session.model, item->clip.warnings, warnings),
    };
    if (item->input) {
        describe_video(item, &video);
        describe_sampling(run, item, &sampling);
        answer.video = &video;
        answer.sampling = &sampling;
    }
    route->fill(run, item->input ? &item->embedding : NULL, &answer);
    item->timing_ms.text = run->text_ms;
    run->text_ms = 0;
    item->timing_ms.total = m2c_clock_ms() - item->started_ms + item->timing_ms.text;
    answer.timing_ms = item->timing_ms;
    return cli_result_answer(&run->output, &answer, err);
}

static void item_destroy(struct item *item)
{
    m2c_video_embedding_destroy(&item->embedding);
    m2c_clip_frames_destroy(&item->clip);
    cli_video_file_close(&item->file);
}

static enum m2c_status work(const struct cli_video_route *route, struct cli_video_run *run,
                            struct item *item, struct m2c_error *failure, struct m2c_error *err)
{
    enum m2c_status status = M2C_OK;
    item->started_ms = m2c_clock_ms();
    item->deadline_ms = item->started_ms + (proto_options_has(&run->options, PROTO_TIMEOUT_MS)
                                                ? (double)run->options.timeout_ms
                                                : 1e12);
    make_id(item->id);
    if (item->input)
        status = read_and_decode(route, run, item, failure);
    if (item->input && status == M2C_OK && !route->look)
        status = encode(route, run, item, failure);
    return status == M2C_OK ? write_answer(route, run, item, err) : M2C_OK;
}

static void tell_failure(const char *input, const struct m2c_error *failure)
{
    const char *detail = failure->detail[0] ? failure->detail : m2c_status_title(failure->status);
    (void)fprintf(stderr, "m2clip: %s: %s%s%s\n", input, detail, failure->context[0] ? ": " : "",
                  failure->context);
}

/* One input from its name to its line of output. Only a failure to write ends the run. */
static enum m2c_status run_input(const struct cli_video_route *route, struct cli_video_run *run,
                                 const char *input, bool *failed, struct m2c_error *err)
{
    struct item item = {.input = input};
    struct m2c_error failure = {.status = M2C_OK};
    enum m2c_status status = work(route, run, &item, &failure, err);
    if (status == M2C_OK && failure.status != M2C_OK) {
        *failed = true;
        tell_failure(input, &failure);
        status = cli_result_failure(&run->output, input, &failure, item.id, route->payload, err);
    }
    item_destroy(&item);
    return status;
}

static enum m2c_status run_inputs(const struct cli_video_route *route, struct cli_video_run *run,
                                  const struct cli_inputs *inputs, struct m2c_error *err)
{
    bool failed = false;
    enum m2c_status status = M2C_OK;
    if (run->output.format == CLI_VTT && inputs->count > 1)
        return m2c_fail_field(err, M2C_USAGE, "format", "--format vtt takes one input, not %zu",
                              inputs->count);
    if (inputs->count == 0)
        return run_input(route, run, NULL, &failed, err);
    for (size_t i = 0; i < inputs->count && status == M2C_OK; i++) {
        cli_progress_show(i + 1, inputs->count, inputs->items[i]);
        status = run_input(route, run, inputs->items[i], &failed, err);
        cli_progress_clear(inputs->count);
    }
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
