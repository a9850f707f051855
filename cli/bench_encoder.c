/* `library`, `clip` with its inner stages, and `labels` of `m2clip bench`. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/bench.h"
#include "model/profile.h"
#include "pipeline.h"
#include "runtime/clock.h"

enum { LABELS_MEASURED = 400 };

static struct cli_bench_row new_row(const struct cli_session *session, const char *stage)
{
    struct cli_bench_row row = {.precision =
                                    m2c_precision_name(m2c_model_precision(session->model)),
                                .backend = m2c_backend_name(m2c_model_backend(session->model)),
                                .threads = m2c_team_size(session->team)};
    (void)snprintf(row.stage, sizeof row.stage, "%s", stage);
    return row;
}

static void fill_pixels(float *pixels, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pixels[i] = (float)((i * 2654435761U) % 4096) / 1024.0F - 2.0F;
}

/* Runs the clip `repeats` times; times in ms[repeats], stages summed in `profile`. */
static enum m2c_status run_clips(struct cli_session *session, int frames, int repeats, double *ms,
                                 struct m2c_profile *profile, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(session->set);
    size_t side = (size_t)m2c_model_config(session->model)->image_px;
    size_t frame_floats = 3 * side * side;
    size_t count = (size_t)frames;
    float *pixels = calloc(count, frame_floats * sizeof *pixels);
    float *video = calloc((size_t)info->dim, sizeof *video);
    float *logits = calloc((size_t)info->classes + 1, sizeof *logits);
    struct m2c_image *images = calloc(count, sizeof *images);
    enum m2c_status status = M2C_OK;
    if (!pixels || !video || !logits || !images)
        status = m2c_fail_memory(err, "a measured clip", count * frame_floats * sizeof *pixels);
    struct m2c_video_request request = {.images = images,
                                        .clips = 1,
                                        .frames = frames,
                                        .video = video,
                                        .vc_logits = info->has_vc ? logits : NULL};
    for (size_t t = 0; status == M2C_OK && t < count; t++)
        images[t] = (struct m2c_image){
            .data = pixels + t * frame_floats, .plane_stride = side * side, .row_stride = side};
    if (status == M2C_OK)
        fill_pixels(pixels, count * frame_floats);
    for (int i = -1; status == M2C_OK && i < repeats; i++) {
        m2c_encoder_set_profile(session->encoder, i < 0 ? NULL : profile);
        double start_ms = m2c_clock_ms();
        (void)m2c_encode_video(session->encoder, session->set, &request);
        if (i >= 0)
            ms[i] = m2c_clock_ms() - start_ms;
    }
    m2c_encoder_set_profile(session->encoder, NULL);
    free(pixels);
    free(video);
    free(logits);
    free(images);
    return status;
}

static enum m2c_status add_stages(const struct cli_session *session, int frames, int repeats,
                                  double rate, const struct m2c_profile *profile,
                                  struct cli_bench_rows *rows, struct m2c_error *err)
{
    for (int stage = 0; stage < M2C_STAGE_COUNT; stage++) {
        char name[sizeof((struct cli_bench_row *)0)->stage];
        (void)snprintf(name, sizeof name, "clip.%s", m2c_stage_name((enum m2c_stage)stage));
        struct cli_bench_row row = new_row(session, name);
        double flop = m2c_stage_flop(session->set, frames, (enum m2c_stage)stage);
        row.ms = profile->ms[stage] / repeats;
        row.gflop = flop / 1e9;
        row.efficiency = row.ms > 0.0 ? flop / row.ms / rate : 0.0;
        enum m2c_status status = cli_bench_add(rows, &row, err);
        if (status != M2C_OK)
            return status;
    }
    return M2C_OK;
}

/* The clip, between two measurements of the library, so that a change of the machine's speed
 * touches both. */
static enum m2c_status bench_clip(struct cli_session *session, int repeats,
                                  struct cli_bench_rows *rows, struct m2c_error *err)
{
    int frames = m2c_set_info(session->set)->preprocess->frames;
    double before;
    double after;
    struct m2c_profile profile = {0};
    double *ms = calloc((size_t)repeats, sizeof *ms);
    if (!ms)
        return m2c_fail_memory(err, "measurements", (size_t)repeats * sizeof *ms);
    enum m2c_status status = cli_bench_library_rate(session, frames, &before, err);
    if (status == M2C_OK)
        status = run_clips(session, frames, repeats, ms, &profile, err);
    if (status == M2C_OK)
        status = cli_bench_library_rate(session, frames, &after, err);
    if (status == M2C_OK) {
        double rate = (before + after) / 2.0;
        double flop = m2c_set_clip_flop(session->set, frames);
        struct cli_bench_row library = new_row(session, "library");
        struct cli_bench_row clip = new_row(session, "clip");
        library.gflop = clip.gflop = flop / 1e9;
        library.ms = flop / rate;
        library.efficiency = 1.0;
        clip.ms = cli_median(ms, (size_t)repeats);
        clip.efficiency = flop / clip.ms / rate;
        (void)snprintf(clip.note, sizeof clip.note, "%d frames", frames);
        status = cli_bench_add(rows, &library, err);
        if (status == M2C_OK)
            status = cli_bench_add(rows, &clip, err);
        if (status == M2C_OK)
            status = add_stages(session, frames, repeats, rate, &profile, rows, err);
    }
    free(ms);
    return status;
}

/* One run over the labels, their vectors thrown away. */
static enum m2c_status time_labels(struct cli_session *session, const struct m2c_label_list *labels,
                                   size_t count, float *vectors, double *ms, struct m2c_error *err)
{
    const struct m2c_text_list *templates = &m2c_set_info(session->set)->preprocess->templates;
    double start_ms = m2c_clock_ms();
    enum m2c_status status = m2c_pipeline_encode_texts(
        session->encoder, session->set, templates->texts[0], (const char *const *)labels->names,
        count, true, "labels", vectors, err);
    *ms = m2c_clock_ms() - start_ms;
    return status;
}

static enum m2c_status bench_labels(struct cli_session *session, int repeats,
                                    const struct m2c_label_list *labels,
                                    struct cli_bench_rows *rows, struct m2c_error *err)
{
    size_t count = labels->count < LABELS_MEASURED ? labels->count : LABELS_MEASURED;
    size_t dim = (size_t)m2c_set_info(session->set)->dim;
    float *vectors = calloc(count + 1, dim * sizeof *vectors);
    double *ms = calloc((size_t)repeats, sizeof *ms);
    enum m2c_status status = M2C_OK;
    if (!vectors || !ms)
        status = m2c_fail_memory(err, "label vectors", count * dim * sizeof *vectors);
    double warm_up_ms;
    if (status == M2C_OK)
        status = time_labels(session, labels, count, vectors, &warm_up_ms, err);
    for (int i = 0; status == M2C_OK && i < repeats; i++)
        status = time_labels(session, labels, count, vectors, &ms[i], err);
    if (status == M2C_OK) {
        struct cli_bench_row row = new_row(session, "labels");
        row.ms = cli_median(ms, (size_t)repeats);
        (void)snprintf(row.note, sizeof row.note, "%zu labels, %.0f a second", count,
                       (double)count / row.ms * 1e3);
        status = cli_bench_add(rows, &row, err);
    }
    free(vectors);
    free(ms);
    return status;
}

/* The same labels padded with zeros to the whole context, as the authors' code encodes them: what
 * the prefix tree and the missing padding are worth. One run. */
static enum m2c_status bench_padded_labels(struct cli_session *session,
                                           const struct m2c_label_list *labels,
                                           struct cli_bench_rows *rows, struct m2c_error *err)
{
    const char *template_text = m2c_set_info(session->set)->preprocess->templates.texts[0];
    size_t count = labels->count < LABELS_MEASURED ? labels->count : LABELS_MEASURED;
    size_t context = (size_t)m2c_model_config(session->model)->context_length;
    float *vectors = calloc(count + 1, (size_t)m2c_set_info(session->set)->dim * sizeof *vectors);
    int32_t *ids = calloc(count + 1, context * sizeof *ids);
    int32_t *counts = calloc(count + 1, sizeof *counts);
    enum m2c_status status = M2C_OK;
    if (!vectors || !ids || !counts)
        status = m2c_fail_memory(err, "padded labels", count * context * sizeof *ids);
    for (size_t i = 0; status == M2C_OK && i < count; i++) {
        status = m2c_pipeline_tokenize(session->model, template_text, labels->names[i], true,
                                       ids + i * context, &counts[i], err);
        counts[i] = (int32_t)context;
    }
    const struct m2c_text_request request = {
        .ids = ids, .counts = counts, .texts = (int)count, .text = vectors};
    double start_ms = m2c_clock_ms();
    if (status == M2C_OK)
        status = m2c_encode_text(session->encoder, session->set, &request, err);
    if (status == M2C_OK) {
        struct cli_bench_row row = new_row(session, "labels_padded");
        row.ms = m2c_clock_ms() - start_ms;
        (void)snprintf(row.note, sizeof row.note, "%zu labels of %zu tokens", count, context);
        status = cli_bench_add(rows, &row, err);
    }
    free(vectors);
    free(ids);
    free(counts);
    return status;
}

/* Resident bytes of this process now, 0 where the system does not say. */
static double resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0.0;
    const char *second = fgets(line, sizeof line, file) ? strchr(line, ' ') : NULL;
    (void)fclose(file);
    return second ? strtod(second, NULL) * (double)sysconf(_SC_PAGESIZE) : 0.0;
}

static enum m2c_status add_memory(const struct cli_session *session, struct cli_bench_rows *rows,
                                  struct m2c_error *err)
{
    struct cli_bench_row row = new_row(session, "memory");
    (void)snprintf(row.note, sizeof row.note, "%.0f MB of weights, %.0f MB resident",
                   (double)m2c_model_weight_bytes(session->model) / 1e6, resident_bytes() / 1e6);
    return cli_bench_add(rows, &row, err);
}

enum m2c_status cli_bench_encoder(struct cli_session *session,
                                  const struct cli_bench_request *asked,
                                  struct cli_bench_rows *rows, struct m2c_error *err)
{
    const struct m2c_set_info *info = m2c_set_info(session->set);
    struct m2c_label_list from_file = {0};
    enum m2c_status status = cli_session_encoder(session, info->preprocess->frames, err);
    if (status == M2C_OK)
        status = bench_clip(session, asked->repeats, rows, err);
    if (status == M2C_OK && asked->labels_file)
        status = m2c_label_list_load(asked->labels_file, &from_file, err);
    const struct m2c_label_list *labels = asked->labels_file ? &from_file : info->labels;
    bool has_labels = labels->count > 0 && m2c_model_tokenizer(session->model);
    if (status == M2C_OK && has_labels)
        status = bench_labels(session, asked->repeats, labels, rows, err);
    if (status == M2C_OK && has_labels && asked->padded_labels)
        status = bench_padded_labels(session, labels, rows, err);
    if (status == M2C_OK)
        status = add_memory(session, rows, err);
    m2c_label_list_destroy(&from_file);
    return status;
}
