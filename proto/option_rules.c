/* What concerns several options at once. */
#include <string.h>

#include "proto/options.h"
#include "video/sampling.h"
#include "video/windows.h"

static enum m2c_status check_times(const struct proto_options *options, struct m2c_error *err)
{
    double start_s = proto_options_has(options, PROTO_START_S) ? options->start_s : 0.0;
    if (proto_options_has(options, PROTO_END_S) && !(start_s < options->end_s))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "end_s",
                              "end_s is %g; it must lie behind start_s, which is %g",
                              options->end_s, start_s);
    if (options->route != PROTO_TIMELINE)
        return M2C_OK;
    if (options->threshold_end > options->threshold)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "threshold_end",
                              "threshold_end is %g; it must not exceed threshold, which is %g",
                              options->threshold_end, options->threshold);
    return m2c_window_check(options->window_s, options->hop_s, err);
}

static enum m2c_status check_text(const struct proto_options *options, struct m2c_error *err)
{
    if (options->route != PROTO_FILL_MASK)
        return M2C_OK;
    if (!options->text)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "text", "text is missing");
    if (!strstr(options->text, "[MASK]"))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "text", "text holds no [MASK]");
    return M2C_OK;
}

static enum m2c_status check_labels(const struct proto_options *options, struct m2c_error *err)
{
    if (proto_options_has(options, PROTO_LABELS) && proto_options_has(options, PROTO_LABEL_SET))
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "label_set",
                              "labels and label_set exclude each other");
    return proto_label_list_check(&options->labels, err);
}

enum m2c_status proto_options_finish(struct proto_options *options, struct m2c_error *err)
{
    enum m2c_status status = check_labels(options, err);
    if (status == M2C_OK)
        status = proto_templates_check(&options->templates, err);
    if (status == M2C_OK)
        status = check_times(options, err);
    if (status == M2C_OK)
        status = check_text(options, err);
    if (status == M2C_OK && options->temporal_views > 1 &&
        proto_options_has(options, PROTO_STRIDE) && options->stride == 0)
        status = m2c_fail_field(err, M2C_INVALID_REQUEST, "views",
                                "views asks for %d temporal views, which need a stride; the stride "
                                "is uniform",
                                options->temporal_views);
    return status;
}

enum m2c_status proto_options_sampling(const struct proto_options *options,
                                       const struct m2c_sampling *preferred,
                                       struct m2c_sampling *out, struct m2c_error *err)
{
    *out = *preferred;
    if (proto_options_has(options, PROTO_FRAMES))
        out->frames = options->frames;
    if (proto_options_has(options, PROTO_STRIDE))
        out->stride = options->stride;
    if (proto_options_has(options, PROTO_VIEWS)) {
        out->temporal_views = options->temporal_views;
        out->spatial_views = options->spatial_views;
    }
    if (proto_options_has(options, PROTO_START_S))
        out->start_s = options->start_s;
    if (proto_options_has(options, PROTO_END_S))
        out->end_s = options->end_s;
    return m2c_sampling_check(out, err);
}
