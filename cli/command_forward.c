/* m2clip forward: the network on tensors, stage by stage, for comparison with a reference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "cli/forward_input.h"
#include "cli/session.h"
#include "cli/tensor_list.h"

enum { BATCH_FRAMES = 256 };

struct forward {
    struct cli_session session;
    struct cli_forward_input input;
    struct cli_tensor_list out;
    bool taps;
    struct m2c_error tap_error; /* a tap cannot fail the call it comes from */
};

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"output", CLI_VALUE, "FILE", "safetensors file to write", 'o'},
        {"taps", CLI_BOOLEAN, "", "write every block's output too (computes every row)", 0},
    };
    cli_session_options(list);
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static void keep_tap(void *argument, const char *name, const float *x, size_t rows, size_t width)
{
    struct forward *forward = argument;
    struct m2c_error error;
    if (forward->tap_error.status == M2C_OK &&
        cli_tensor_append(&forward->out, name, x, rows * width, &error) != M2C_OK)
        forward->tap_error = error;
}

static void softmax(float *row, size_t count, float scale)
{
    float top = row[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        top = row[i] > top ? row[i] : top;
    for (size_t i = 0; i < count; i++) {
        row[i] = expf(scale * (row[i] - top));
        sum += row[i];
    }
    for (size_t i = 0; i < count; i++)
        row[i] /= sum;
}

/* A copy of `name` [rows, columns] with softmax(scale * row) in its rows. */
static enum m2c_status add_softmax(struct forward *forward, const char *name, const char *source,
                                   float scale, struct m2c_error *err)
{
    float *values;
    struct cli_tensor *from = cli_tensor_find(&forward->out, source);
    if (!from)
        return M2C_OK;
    size_t rows = from->shape[0], columns = from->shape[1];
    const float *logits = from->values;
    enum m2c_status status =
        cli_tensor_add(&forward->out, name, 2, (const size_t[]){rows, columns}, &values, err);
    if (status != M2C_OK)
        return status;
    memcpy(values, logits, rows * columns * sizeof *values);
    for (size_t i = 0; i < rows && columns > 0; i++)
        softmax(values + i * columns, columns, scale);
    return M2C_OK;
}

static int clips_at_once(const struct cli_forward_input *input)
{
    return input->frames >= BATCH_FRAMES ? 1 : BATCH_FRAMES / input->frames;
}

struct video_outputs {
    float *frames, *video, *vc_logits;
};

static enum m2c_status encode_clips(struct forward *forward, const struct video_outputs *outputs,
                                    struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(forward->session.set);
    const struct cli_forward_input *input = &forward->input;
    int at_once = clips_at_once(input);
    size_t frames = (size_t)input->frames, dim = (size_t)info->dim;
    for (int first = 0; first < input->clips; first += at_once) {
        int left = input->clips - first;
        size_t b = (size_t)first;
        const struct m2c_video_request request = {
            .images = input->images + b * frames,
            .clips = left < at_once ? left : at_once,
            .frames = input->frames,
            .frame_features = outputs->frames + b * frames * dim,
            .video = outputs->video + b * dim,
            .vc_logits = outputs->vc_logits ? outputs->vc_logits + b * (size_t)info->classes : NULL,
            .tap = forward->taps ? keep_tap : NULL,
            .tap_argument = forward,
        };
        if (m2c_encode_video(forward->session.encoder, forward->session.set, &request) != M2C_OK)
            return m2c_fail(err, M2C_CANCELLED, "the video encoder was stopped");
    }
    return M2C_OK;
}

static enum m2c_status run_video(struct forward *forward, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(forward->session.set);
    size_t clips = (size_t)forward->input.clips, frames = (size_t)forward->input.frames;
    size_t dim = (size_t)info->dim, classes = (size_t)info->classes;
    struct video_outputs outputs = {0};
    if (clips == 0)
        return M2C_OK;
    enum m2c_status status = cli_tensor_add(
        &forward->out, "frames", 3, (const size_t[]){clips, frames, dim}, &outputs.frames, err);
    if (status == M2C_OK)
        status = cli_tensor_add(&forward->out, "video", 2, (const size_t[]){clips, dim},
                                &outputs.video, err);
    if (status == M2C_OK && info->has_vc)
        status = cli_tensor_add(&forward->out, "vc_logits", 2, (const size_t[]){clips, classes},
                                &outputs.vc_logits, err);
    if (status == M2C_OK)
        status = encode_clips(forward, &outputs, err);
    return status == M2C_OK ? add_softmax(forward, "vc_probs", "vc_logits", 1.0f, err) : status;
}

/* The ids one text after the other, as far as each is wanted; whole rows for taps. */
static void pack_tokens(const struct forward *forward, int32_t *ids, int32_t *counts)
{
    const struct cli_forward_input *input = &forward->input;
    size_t context = (size_t)input->context, at = 0;
    for (size_t n = 0; n < (size_t)input->texts; n++) {
        counts[n] = forward->taps ? input->context : input->counts[n];
        memmove(ids + at, input->tokens + n * context, (size_t)counts[n] * sizeof *ids);
        at += (size_t)counts[n];
    }
}

static enum m2c_status run_text(struct forward *forward, struct m2c_error *err)
{
    struct cli_forward_input *input = &forward->input;
    size_t texts = (size_t)input->texts, dim = (size_t)m2c_set_info(forward->session.set)->dim;
    float *text;
    if (texts == 0)
        return M2C_OK;
    size_t rows = texts * (size_t)input->context;
    int32_t *ids = calloc(rows + texts, sizeof *ids);
    if (!ids)
        return m2c_fail_memory(err, "tokens", rows * sizeof *ids);
    int32_t *counts = ids + rows;
    pack_tokens(forward, ids, counts);
    enum m2c_status status =
        cli_tensor_add(&forward->out, "text", 2, (const size_t[]){texts, dim}, &text, err);
    if (status == M2C_OK) {
        const struct m2c_text_request request = {
            .ids = ids,
            .counts = counts,
            .texts = input->texts,
            .text = text,
            .tap = forward->taps ? keep_tap : NULL,
            .tap_argument = forward,
        };
        status = m2c_encode_text(forward->session.encoder, forward->session.set, &request, err);
    }
    free(ids);
    return status;
}

static double norm_of(const float *x, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

static float cosine_of(const float *a, const float *b, size_t dim)
{
    double sum = 0, norms = norm_of(a, dim) * norm_of(b, dim);
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return norms > 0 ? (float)(sum / norms) : 0.0f;
}

static enum m2c_status run_cosine(struct forward *forward, struct m2c_error *err)
{
    const struct cli_tensor *video = cli_tensor_find(&forward->out, "video");
    const struct cli_tensor *text = cli_tensor_find(&forward->out, "text");
    float *cosine;
    if (!video || !text)
        return M2C_OK;
    const float *videos = video->values, *rows = text->values;
    size_t clips = video->shape[0], texts = text->shape[0], dim = video->shape[1];
    enum m2c_status status =
        cli_tensor_add(&forward->out, "cosine", 2, (const size_t[]){clips, texts}, &cosine, err);
    if (status != M2C_OK)
        return status;
    for (size_t b = 0; b < clips; b++) {
        for (size_t n = 0; n < texts; n++)
            cosine[b * texts + n] = cosine_of(videos + b * dim, rows + n * dim, dim);
    }
    return add_softmax(forward, "zeroshot_probs", "cosine", 100.0f, err);
}

static enum m2c_status encode_cmlm(struct forward *forward, const float *features,
                                   const int32_t *counts, float *logits, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(forward->session.set);
    const struct cli_forward_input *input = &forward->input;
    size_t context = (size_t)input->context, words = (size_t)info->cmlm_words;
    size_t clip_floats = (size_t)input->frames * (size_t)info->dim;
    int at_once = clips_at_once(input);
    enum m2c_status status = M2C_OK;
    for (int first = 0; first < input->clips && status == M2C_OK; first += at_once) {
        int left = input->clips - first;
        size_t b = (size_t)first;
        const struct m2c_cmlm_request request = {
            .ids = input->tokens + b * context,
            .counts = counts + b,
            .clips = left < at_once ? left : at_once,
            .frames = input->frames,
            .frame_features = features + b * clip_floats,
            .logits = logits + b * context * words,
        };
        status = m2c_encode_cmlm(forward->session.encoder, forward->session.set, &request, err);
    }
    return status;
}

/* Row b reads text row b, whole: every position is answered for. */
static enum m2c_status run_cmlm(struct forward *forward, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(forward->session.set);
    const struct cli_forward_input *input = &forward->input;
    const struct cli_tensor *frames = cli_tensor_find(&forward->out, "frames");
    float *logits;
    if (!info->has_cmlm || !frames || input->texts < input->clips)
        return M2C_OK;
    const float *features = frames->values;
    size_t clips = (size_t)input->clips, context = (size_t)input->context;
    int32_t *counts = calloc(clips, sizeof *counts);
    if (!counts)
        return m2c_fail_memory(err, "tokens", clips * sizeof *counts);
    for (size_t b = 0; b < clips; b++)
        counts[b] = input->context;
    enum m2c_status status =
        cli_tensor_add(&forward->out, "cmlm_logits", 3,
                       (const size_t[]){clips, context, (size_t)info->cmlm_words}, &logits, err);
    if (status == M2C_OK)
        status = encode_cmlm(forward, features, counts, logits, err);
    free(counts);
    return status;
}

/* Taps came as rows of known width; give them their three sides. */
static void shape_taps(struct forward *forward)
{
    const struct m2c_config *config = m2c_model_config(forward->session.model);
    size_t grid = (size_t)(config->image_px / config->patch_px);
    for (size_t i = 0; i < forward->out.count; i++) {
        struct cli_tensor *tensor = &forward->out.items[i];
        if (tensor->rank != 0)
            continue;
        bool visual = strncmp(tensor->name, "visual.", 7) == 0;
        tensor->rank = 3;
        tensor->shape[1] = visual ? 1 + grid * grid : (size_t)config->context_length;
        tensor->shape[2] = (size_t)(visual ? config->vision.width : config->text.width);
        tensor->shape[0] = tensor->count / tensor->shape[1] / tensor->shape[2];
    }
}

static enum m2c_status run_stages(struct forward *forward, struct m2c_error *err)
{
    enum m2c_status status = run_video(forward, err);
    if (status == M2C_OK)
        status = run_text(forward, err);
    if (status == M2C_OK)
        status = run_cosine(forward, err);
    if (status == M2C_OK)
        status = run_cmlm(forward, err);
    if (status == M2C_OK && forward->tap_error.status != M2C_OK) {
        *err = forward->tap_error;
        status = err->status;
    }
    return status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct forward forward = {.taps = cli_boolean(arguments, "taps", false)};
    const char *path = cli_value(arguments, "output");
    if (cli_input_count(arguments) != 1 || !path)
        return m2c_fail(err, M2C_USAGE, "one input file and -o FILE are needed");
    enum m2c_status status = cli_session_open(&forward.session, arguments, M2C_PRECISION_F32, err);
    if (status == M2C_OK)
        status = cli_forward_input_read(
            cli_input(arguments, 0), m2c_model_config(forward.session.model), &forward.input, err);
    if (status == M2C_OK) {
        const struct cli_forward_input *input = &forward.input;
        int clips = input->clips > 0 && clips_at_once(input) < input->clips ? clips_at_once(input)
                                                                            : input->clips;
        int frames = clips * input->frames;
        status = cli_session_encoder(&forward.session, frames > 0 ? frames : 1, err);
    }
    if (status == M2C_OK)
        status = run_stages(&forward, err);
    if (status == M2C_OK) {
        shape_taps(&forward);
        status = cli_tensor_write(&forward.out, path, err);
    }
    cli_tensor_list_destroy(&forward.out);
    cli_forward_input_destroy(&forward.input);
    cli_session_close(&forward.session);
    return status;
}

const struct cli_command cli_command_forward = {
    .name = "forward",
    .usage = "--model DIR IN -o OUT [--taps]",
    .summary = "run the network on tensors and write each stage",
    .options = options,
    .run = run,
};
