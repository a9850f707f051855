/* m2clip timeline: what happens when in a long video. */
#include "cli/video_command.h"

#include <stdlib.h>

#include "runtime/checked.h"
#include "runtime/clock.h"
#include "scoring.h"
#include "segmenter.h"
#include "video/windows.h"

/* The segments of one video, found window by window. */
struct timeline {
    struct m2c_segmenter *segmenter;
    struct m2c_prediction *scored; /* [N] of one window */
    float *scratch;                /* [N + background] */
    const char *const *names;      /* [N], borrowed */
    size_t count;                  /* N */
    bool by_labels;
    struct m2c_segment *found;
    size_t found_count, found_capacity;
    struct proto_segment *shown; /* [found_count], of the answer */
    bool failed;                 /* a segment found no memory */
};

/* One video on its way. */
struct look {
    struct cli_video_run *run;
    const char *input;
    struct m2c_clip_frames *clip; /* facts and warnings alone */
    struct m2c_video_embedding embedding;
    double encode_ms, end_s;
    struct m2c_error failure; /* of encoding */
};

static void options(struct cli_option_list *list)
{
    cli_video_options(list, PROTO_TIMELINE);
}

/* Labels where any are given, or prompts for them; else the trained classes; else the set's labels.
 */
static bool looks_for_labels(const struct cli_video_run *run)
{
    return proto_options_has(&run->options, PROTO_LABELS) ||
           proto_options_has(&run->options, PROTO_TEMPLATES) ||
           proto_options_has(&run->options, PROTO_BACKGROUND) ||
           !m2c_set_info(run->session.set)->has_vc;
}

static enum m2c_status prepare(struct cli_video_run *run, struct m2c_error *err)
{
    struct timeline *timeline = calloc(1, sizeof *timeline);
    const struct m2c_set_info *info = m2c_set_info(run->session.set);
    const struct proto_options *asked = &run->options;
    run->own = timeline;
    if (!timeline)
        return m2c_fail_memory(err, "segments", sizeof *timeline);
    timeline->by_labels = looks_for_labels(run);
    timeline->count = (size_t)info->classes;
    timeline->names = (const char *const *)info->labels->names;
    if (timeline->by_labels) {
        enum m2c_status status = cli_label_vectors_init(&run->labels, &run->session, asked, err);
        if (status != M2C_OK)
            return status;
        timeline->count = run->labels.count;
        timeline->names = run->labels.names;
    }
    timeline->scored = calloc(timeline->count + 1, sizeof *timeline->scored);
    timeline->scratch =
        calloc(timeline->count + run->labels.background_count + 1, sizeof *timeline->scratch);
    if (!timeline->scored || !timeline->scratch)
        return m2c_fail_memory(err, "scores", timeline->count * sizeof *timeline->scored);
    const struct m2c_segment_rules rules = {.threshold = asked->threshold,
                                            .threshold_end = asked->threshold_end,
                                            .min_segment_s = asked->min_segment_s,
                                            .merge_gap_s = asked->merge_gap_s};
    return m2c_segmenter_new(&rules, timeline->count, &timeline->segmenter, err);
}

static void keep_segment(void *context, const struct m2c_segment *segment)
{
    struct timeline *timeline = context;
    if (timeline->found_count == timeline->found_capacity) {
        size_t capacity = timeline->found_capacity ? 2 * timeline->found_capacity : 64, bytes;
        struct m2c_segment *larger = m2c_checked_multiply(capacity, sizeof *larger, &bytes)
                                         ? realloc(timeline->found, bytes)
                                         : NULL;
        timeline->failed |= !larger;
        if (!larger)
            return;
        timeline->found = larger;
        timeline->found_capacity = capacity;
    }
    timeline->found[timeline->found_count++] = *segment;
}

static enum m2c_status encode(struct look *look, const struct m2c_clip_frames *frames)
{
    struct cli_video_run *run = look->run;
    int views = frames->temporal_views * frames->spatial_views;
    enum m2c_status status = M2C_OK;
    if (!look->embedding.video)
        status = m2c_video_embedding_init(&look->embedding, run->session.set, views,
                                          frames->frames_per_view, &look->failure);
    return status == M2C_OK
               ? m2c_pipeline_encode_views(run->session.encoder, run->session.set, frames, 0, views,
                                           &look->embedding, NULL, &look->failure)
               : status;
}

static void score(struct look *look, const struct m2c_window *window)
{
    struct timeline *timeline = look->run->own;
    const struct cli_label_vectors *labels = &look->run->labels;
    const struct m2c_video_embedding *embedding = &look->embedding;
    size_t views = (size_t)embedding->views;
    if (timeline->by_labels)
        (void)m2c_score_labels(embedding->video, views, (size_t)embedding->dim, labels->labels,
                               labels->count, labels->background, labels->background_count,
                               timeline->scored, timeline->scratch);
    else
        m2c_score_classes(embedding->vc_logits, views, timeline->count, timeline->scored);
    const struct m2c_vote vote = {.begin_s = m2c_window_vote_s(&window->grid, window->index),
                                  .peak_s = (window->start_s + window->end_s) / 2,
                                  .scores = timeline->scored};
    m2c_segmenter_vote(timeline->segmenter, &vote, keep_segment, timeline);
}

/* Keeps what the answer tells of the video, without pixels. */
static void note_facts(struct m2c_clip_frames *clip, const struct m2c_clip_frames *frames)
{
    clip->facts = frames->facts;
    clip->temporal_views = frames->temporal_views;
    clip->frames_per_view = frames->frames_per_view;
    clip->spatial_views = frames->spatial_views;
    clip->warnings |= frames->warnings;
}

static bool on_window(void *context, const struct m2c_window *window,
                      struct m2c_clip_frames *frames)
{
    struct look *look = context;
    double started_ms = m2c_clock_ms();
    note_facts(look->clip, frames);
    look->end_s = window->grid.end_s;
    cli_progress_show((size_t)window->index + 1, (size_t)window->count, look->input);
    enum m2c_status status = encode(look, frames);
    if (status == M2C_OK)
        score(look, window);
    look->encode_ms += m2c_clock_ms() - started_ms;
    return status == M2C_OK;
}

/* Sorts what was found and gives it names. */
static enum m2c_status show(struct timeline *timeline, struct m2c_error *err)
{
    free(timeline->shown);
    timeline->shown = calloc(timeline->found_count + 1, sizeof *timeline->shown);
    if (!timeline->shown || timeline->failed)
        return m2c_fail_memory(err, "segments", timeline->found_count * sizeof *timeline->shown);
    if (timeline->found_count > 0)
        qsort(timeline->found, timeline->found_count, sizeof *timeline->found, m2c_segment_compare);
    for (size_t i = 0; i < timeline->found_count; i++) {
        const struct m2c_segment *segment = &timeline->found[i];
        timeline->shown[i] = (struct proto_segment){.start_s = segment->start_s,
                                                    .end_s = segment->end_s,
                                                    .peak_s = segment->peak_s,
                                                    .label = timeline->names[segment->index],
                                                    .index = segment->index,
                                                    .score = segment->score,
                                                    .has_similarity = timeline->by_labels,
                                                    .similarity = segment->similarity};
    }
    return M2C_OK;
}

static void ignore_segment(void *context, const struct m2c_segment *segment)
{
    (void)context;
    (void)segment;
}

static enum m2c_status look_at(struct cli_video_run *run, const char *input,
                               const struct cli_video_file *file,
                               const struct m2c_decode_plan *plan, struct m2c_clip_frames *clip,
                               struct proto_timing_ms *timing_ms, struct m2c_error *err)
{
    struct timeline *timeline = run->own;
    struct look look = {.run = run, .input = input, .clip = clip};
    double started_ms = m2c_clock_ms();
    timeline->found_count = 0;
    timeline->failed = false;
    enum m2c_status status =
        m2c_video_decode_windows(file->bytes, file->size, plan, run->options.window_s,
                                 run->options.hop_s, on_window, &look, err);
    cli_progress_clear(SIZE_MAX);
    if (look.failure.status != M2C_OK) {
        *err = look.failure;
        status = err->status;
    }
    m2c_segmenter_finish(timeline->segmenter, look.end_s,
                         status == M2C_OK ? keep_segment : ignore_segment, timeline);
    if (status == M2C_OK)
        status = show(timeline, err);
    timing_ms->encode = look.encode_ms;
    timing_ms->decode = m2c_clock_ms() - started_ms - look.encode_ms;
    m2c_video_embedding_destroy(&look.embedding);
    return status;
}

static void fill(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer)
{
    const struct timeline *timeline = run->own;
    (void)embedding;
    answer->segments = timeline->shown;
    answer->segment_count = timeline->found_count;
    answer->cache.labels_miss =
        timeline->by_labels ? run->labels.count + run->labels.background_count : 0;
}

static void close_timeline(struct cli_video_run *run)
{
    struct timeline *timeline = run->own;
    if (!timeline)
        return;
    m2c_segmenter_free(&timeline->segmenter);
    free(timeline->scored);
    free(timeline->scratch);
    free(timeline->found);
    free(timeline->shown);
    free(timeline);
    run->own = NULL;
}

static enum m2c_status run(const struct cli_arguments *arguments, struct m2c_error *err)
{
    static const struct cli_video_route route = {.route = PROTO_TIMELINE,
                                                 .payload = PROTO_PAYLOAD_SEGMENTS,
                                                 .prepare = prepare,
                                                 .look = look_at,
                                                 .fill = fill,
                                                 .close = close_timeline};
    return cli_video_command(&route, arguments, err);
}

const struct cli_command cli_command_timeline = {
    .name = "timeline",
    .usage = "--model DIR [--label TEXT...] [options] INPUT...",
    .summary = "say what happens when in a long video",
    .options = options,
    .run = run,
};
