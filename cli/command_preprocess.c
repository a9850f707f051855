/* m2clip preprocess: the frames of a video as the network sees them. */
#include <string.h>

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/tensor_list.h"
#include "model/preprocess_config.h"
#include "proto/options.h"
#include "video/video.h"

enum { MIN_SIZE_PX = 16, MAX_SIZE_PX = 1024 };

static void options(struct cli_option_list *list)
{
    static const struct cli_option own[] = {
        {"output", CLI_VALUE, "FILE", "safetensors file to write", 'o'},
        {"frames", CLI_VALUE, "T", "frames of a view (8)", 0},
        {"stride", CLI_VALUE, "S", "`uniform` or frames from one to the next (uniform)", 0},
        {"views", CLI_VALUE, "AxB", "temporal x spatial views (1x1)", 0},
        {"size", CLI_VALUE, "P", "side of the square in pixels (224)", 0},
        {"resize", CLI_VALUE, "MODE", "bicubic or bicubic-antialias (bicubic)", 0},
    };
    cli_option_list_add(list, own, sizeof own / sizeof own[0]);
}

static enum m2c_status read_sampling(const struct cli_arguments *arguments,
                                     struct m2c_sampling *sampling, struct m2c_error *err)
{
    static const char *const names[] = {"frames", "stride", "views"};
    const struct proto_limits limits = proto_limits_default();
    struct m2c_sampling preferred = m2c_sampling_defaults();
    struct proto_options parsed;
    enum m2c_status status = M2C_OK;
    proto_options_init(&parsed, PROTO_CLASSIFY, &limits);
    for (size_t i = 0; i < sizeof names / sizeof names[0] && status == M2C_OK; i++) {
        const char *value = cli_value(arguments, names[i]);
        if (value)
            status = proto_options_set_text(&parsed, names[i], value, strlen(value), err);
    }
    if (status == M2C_OK)
        status = proto_options_sampling(&parsed, &preferred, sampling, err);
    proto_options_destroy(&parsed);
    return status;
}

static enum m2c_status read_plan(const struct cli_arguments *arguments,
                                 struct m2c_decode_plan *plan, struct m2c_error *err)
{
    const char *resize = cli_value(arguments, "resize");
    int64_t size_px;
    *plan = m2c_decode_plan_defaults();
    enum m2c_status status = read_sampling(arguments, &plan->sampling, err);
    if (status == M2C_OK)
        status =
            cli_integer(arguments, "size", MIN_SIZE_PX, MAX_SIZE_PX, plan->size_px, &size_px, err);
    if (status != M2C_OK)
        return status;
    plan->size_px = (int)size_px;
    if (resize && !m2c_resize_from_name(resize, &plan->resize))
        return m2c_fail_field(err, M2C_USAGE, "resize",
                              "--resize must be bicubic or bicubic-antialias");
    return M2C_OK;
}

/* out [3, T, P, P] <- the crops of temporal view a, spatial view b. */
static void copy_view(const struct m2c_clip_frames *clip, int a, int b, int size, float *out)
{
    size_t side = (size_t)size, frames = (size_t)clip->frames_per_view;
    for (size_t t = 0; t < frames; t++) {
        struct m2c_frame_view view = m2c_frame_view(clip, a, (int)t, b, size);
        for (size_t c = 0; c < 3; c++) {
            for (size_t y = 0; y < side; y++)
                memcpy(out + ((c * frames + t) * side + y) * side,
                       view.data + c * view.plane_stride + y * view.row_stride, side * sizeof *out);
        }
    }
}

static enum m2c_status write_views(const struct m2c_clip_frames *clip, int size, const char *path,
                                   struct m2c_error *err)
{
    struct cli_tensor_list list = {0};
    float *values = NULL;
    size_t side = (size_t)size, frames = (size_t)clip->frames_per_view;
    size_t views = (size_t)clip->temporal_views * (size_t)clip->spatial_views;
    const size_t shape[] = {views, 3, frames, side, side};
    enum m2c_status status = cli_tensor_add(&list, "input", 5, shape, &values, err);
    for (int b = 0; b < clip->spatial_views && status == M2C_OK; b++) {
        for (int a = 0; a < clip->temporal_views; a++) {
            size_t view = (size_t)b * (size_t)clip->temporal_views + (size_t)a;
            copy_view(clip, a, b, size, values + view * 3 * frames * side * side);
        }
    }
    if (status == M2C_OK)
        status = cli_tensor_write(&list, path, err);
    cli_tensor_list_destroy(&list);
    return status;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    struct m2c_decode_plan plan;
    struct cli_video_file file = {0};
    struct m2c_clip_frames clip = {0};
    const char *path = cli_value(arguments, "output");
    if (cli_input_count(arguments) != 1 || !path)
        return m2c_fail(err, M2C_USAGE, "one video and -o FILE are needed");
    enum m2c_status status = read_plan(arguments, &plan, err);
    if (status == M2C_OK)
        status = cli_video_file_open(cli_input(arguments, 0), &file, err);
    if (status == M2C_OK)
        status = m2c_video_decode(file.bytes, file.size, &plan, &clip, err);
    if (status == M2C_OK)
        status = write_views(&clip, plan.size_px, path, err);
    m2c_clip_frames_destroy(&clip);
    cli_video_file_close(&file);
    return status;
}

const struct cli_command cli_command_preprocess = {
    .name = "preprocess",
    .usage = "VIDEO -o OUT [options]",
    .summary = "write the frames of a video as the network sees them",
    .options = options,
    .run = run,
};
