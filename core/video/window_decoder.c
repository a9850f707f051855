/* The windows of windows.h: which are open, what they still lack, and handing them on in order. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "video/frame_converter.h"
#include "video/frame_search.h"
#include "video/windows.h"

/* A frame as it is kept, shared by the open windows that sample it. */
struct held_frame {
    struct m2c_clip_frames clip; /* pixels of this one frame alone */
    size_t holders;
};

/* A window that the stream is in: its frames come together. */
struct open_window {
    int64_t index;
    struct m2c_clip_frames clip; /* without pixels until it is delivered */
    struct m2c_frame_choice choice;
    struct held_frame **frames; /* [choice.count], the first `kept` are there */
    size_t kept;
};

struct window_decoder {
    const struct m2c_decode_plan *plan;
    m2c_on_window on_window;
    void *context;
    struct m2c_window_grid grid; /* end_s as asked for until `choose` knows the duration */
    double asked_end_s;          /* NAN: to the end */
    const struct m2c_timeline *timeline;
    const struct m2c_frame_choice *wanted;
    struct m2c_frame_search search;
    struct m2c_frame_converter converter;
    struct open_window *open; /* [capacity] ring */
    size_t first, count, capacity;
    size_t held;       /* frames, each once */
    int64_t next;      /* window to open next */
    int64_t windows;   /* that there are */
    int64_t delivered; /* windows up to here are done with */
    bool any;          /* a window was delivered */
    double told_ms;    /* conversion told in earlier windows */
    int64_t told_pixels;
};

static struct open_window *window_at(const struct window_decoder *decoder, size_t place)
{
    return &decoder->open[(decoder->first + place) % decoder->capacity];
}

static size_t frame_floats(const struct m2c_clip_frames *clip)
{
    return 3 * (size_t)clip->width * (size_t)clip->height;
}

static void let_go(struct window_decoder *decoder, struct held_frame *frame)
{
    if (--frame->holders > 0)
        return;
    decoder->held--;
    m2c_clip_frames_destroy(&frame->clip);
    free(frame);
}

static void close_window(struct window_decoder *decoder, struct open_window *window)
{
    for (size_t i = 0; i < window->kept; i++)
        let_go(decoder, window->frames[i]);
    free(window->frames);
    m2c_clip_frames_destroy(&window->clip);
    m2c_frame_choice_destroy(&window->choice);
    *window = (struct open_window){0};
}

static void close_all(struct window_decoder *decoder)
{
    for (; decoder->count > 0; decoder->count--)
        close_window(decoder, window_at(decoder, decoder->count - 1));
}

/* The first frame whose time is in window `index`, or behind it where none is. */
static int64_t first_frame(const struct window_decoder *decoder, int64_t index)
{
    return m2c_timeline_at(decoder->timeline, m2c_window_start_s(&decoder->grid, index));
}

/* Chooses the frames of one window into an empty clip. *shown = false: it has none. */
static enum m2c_status choose_window(const struct window_decoder *decoder, int64_t index,
                                     struct m2c_frame_choice *choice, struct m2c_clip_frames *clip,
                                     bool *shown, struct m2c_error *err)
{
    struct m2c_decode_plan plan = *decoder->plan;
    plan.sampling.start_s = m2c_window_start_s(&decoder->grid, index);
    plan.sampling.end_s = m2c_window_end_s(&decoder->grid, index);
    enum m2c_status status = m2c_frame_choice_make(decoder->timeline, &plan, choice, clip, err);
    *shown = status == M2C_OK;
    return status == M2C_NO_VIDEO ? M2C_OK : status;
}

/* Sets marks[frame] for every frame of the windows from decoder->delivered on. */
static enum m2c_status mark_frames(const struct window_decoder *decoder, bool *marks,
                                   struct m2c_error *err)
{
    struct m2c_clip_frames clip = {0};
    enum m2c_status status = M2C_OK;
    for (int64_t k = decoder->delivered; k < decoder->windows && !status; k++) {
        struct m2c_frame_choice choice = {0};
        bool shown;
        status = choose_window(decoder, k, &choice, &clip, &shown, err);
        for (size_t i = 0; shown && i < choice.count; i++)
            marks[choice.index[i]] = true;
        m2c_frame_choice_destroy(&choice);
        if (!status)
            status = m2c_budget_check(&decoder->search.budget, err);
    }
    m2c_clip_frames_destroy(&clip);
    return status;
}

static enum m2c_status list_frames(const struct m2c_timeline *timeline, const bool *marks,
                                   struct m2c_frame_choice *choice, struct m2c_error *err)
{
    size_t total = 0;
    for (int64_t i = 0; i < timeline->count; i++)
        total += marks[i];
    choice->index = calloc(total + 1, sizeof *choice->index);
    choice->pts = calloc(total + 1, sizeof *choice->pts);
    if (!choice->index || !choice->pts)
        return m2c_fail_memory(err, "the frame choice", total * sizeof *choice->index);
    for (int64_t i = 0; i < timeline->count; i++) {
        if (!marks[i])
            continue;
        choice->index[choice->count] = i;
        choice->pts[choice->count++] = timeline->pts[i];
    }
    return M2C_OK;
}

static void lay_grid(struct window_decoder *decoder)
{
    double duration_s = m2c_timeline_duration_s(decoder->timeline);
    decoder->grid.end_s =
        decoder->asked_end_s < duration_s ? decoder->asked_end_s : duration_s; /* NAN: duration */
    decoder->windows = m2c_window_count(&decoder->grid);
}

static enum m2c_status choose(void *context, const struct m2c_timeline *timeline,
                              struct m2c_frame_choice *choice, struct m2c_error *err)
{
    struct window_decoder *decoder = context;
    close_all(decoder);
    decoder->timeline = timeline;
    decoder->wanted = choice;
    decoder->next = decoder->delivered;
    lay_grid(decoder);
    m2c_budget_renew(&decoder->search.budget);
    bool *marks = calloc((size_t)timeline->count + 1, sizeof *marks);
    if (!marks)
        return m2c_fail_memory(err, "the frame choice", (size_t)timeline->count);
    enum m2c_status status = mark_frames(decoder, marks, err);
    if (!status)
        status = list_frames(timeline, marks, choice, err);
    free(marks);
    if (!status && choice->count == 0 && !decoder->any)
        status = m2c_fail(err, M2C_NO_VIDEO,
                          "no frame is shown in the range asked for; the video lasts %.3f s",
                          m2c_timeline_duration_s(timeline));
    return status;
}

/* Opens every window whose range begins at or before frame `index`. */
static enum m2c_status open_windows(struct window_decoder *decoder, int64_t index,
                                    struct m2c_error *err)
{
    while (decoder->next < decoder->windows && first_frame(decoder, decoder->next) <= index) {
        if (decoder->count == decoder->capacity)
            return m2c_fail(err, M2C_INTERNAL, "more windows overlap than can");
        struct open_window *window = window_at(decoder, decoder->count);
        bool shown;
        *window = (struct open_window){.index = decoder->next};
        enum m2c_status status =
            choose_window(decoder, decoder->next, &window->choice, &window->clip, &shown, err);
        decoder->next++;
        if (!status && shown) {
            window->frames = calloc(window->choice.count, sizeof(struct held_frame *));
            if (!window->frames)
                status = m2c_fail_memory(err, "a window", window->choice.count);
        }
        if (status || !shown)
            close_window(decoder, window);
        else
            decoder->count++;
        if (status)
            return status;
    }
    return M2C_OK;
}

static void describe(struct window_decoder *decoder, struct m2c_clip_frames *clip)
{
    const struct m2c_budget *budget = &decoder->search.budget;
    int64_t pixels = budget->earlier_pixels + budget->decoded_pixels;
    clip->facts = m2c_frame_search_facts(&decoder->search, &decoder->converter.rgb);
    clip->decoded_pixels = pixels - decoder->told_pixels;
    clip->preprocess_ms = decoder->converter.spent_ms - decoder->told_ms;
    decoder->told_pixels = pixels;
    decoder->told_ms = decoder->converter.spent_ms;
}

/* The frames of a complete window in one piece. */
static enum m2c_status assemble(struct window_decoder *decoder, struct open_window *window,
                                struct m2c_error *err)
{
    struct m2c_clip_frames *clip = &window->clip;
    enum m2c_status status =
        m2c_clip_allocate(&decoder->converter, clip, window->choice.count, err);
    if (status)
        return status;
    size_t floats = frame_floats(clip);
    for (size_t i = 0; i < window->kept; i++)
        memcpy(clip->pixels + i * floats, window->frames[i]->clip.pixels,
               floats * sizeof *clip->pixels);
    describe(decoder, clip);
    return M2C_OK;
}

/* Hands on the windows at the front that are complete. */
static enum m2c_status deliver(struct window_decoder *decoder, struct m2c_error *err)
{
    while (decoder->count > 0) {
        struct open_window *front = window_at(decoder, 0);
        if (front->kept < front->choice.count)
            return M2C_OK;
        const struct m2c_window window = {
            .index = front->index,
            .count = decoder->windows,
            .grid = decoder->grid,
            .start_s = m2c_window_start_s(&decoder->grid, front->index),
            .end_s = m2c_window_end_s(&decoder->grid, front->index),
        };
        enum m2c_status status = assemble(decoder, front, err);
        if (status)
            return status;
        bool going_on = decoder->on_window(decoder->context, &window, &front->clip);
        decoder->delivered = front->index + 1;
        decoder->any = true;
        close_window(decoder, front);
        decoder->first = (decoder->first + 1) % decoder->capacity;
        decoder->count--;
        m2c_budget_renew(&decoder->search.budget);
        if (!going_on)
            return m2c_fail(err, M2C_CANCELLED, "decoding was ended");
    }
    return M2C_OK;
}

/* Converts the frame and holds it, once for all windows that sample it. */
static enum m2c_status hold_frame(struct window_decoder *decoder, const AVFrame *frame,
                                  struct held_frame **out, struct m2c_error *err)
{
    int64_t max_bytes = decoder->plan->limits.max_output_bytes;
    struct held_frame *held = calloc(1, sizeof *held);
    if (!held)
        return m2c_fail_memory(err, "a frame", sizeof *held);
    enum m2c_status status = m2c_frame_convert(&decoder->converter, frame, &held->clip, 1, 0, err);
    size_t bytes = frame_floats(&held->clip) * sizeof *held->clip.pixels;
    if (!status && (decoder->held + 1) * bytes > (uint64_t)max_bytes)
        status =
            m2c_fail(err, M2C_TOO_LONG, "the %zu frames of overlapping windows exceed %lld bytes",
                     decoder->held + 1, (long long)max_bytes);
    if (status) {
        m2c_clip_frames_destroy(&held->clip);
        free(held);
        return status;
    }
    decoder->held++;
    *out = held;
    return M2C_OK;
}

/* Gives the frame to every open window that samples it. */
static enum m2c_status give_frame(struct window_decoder *decoder, const AVFrame *frame,
                                  int64_t index, bool concealed, struct m2c_error *err)
{
    struct held_frame *held = NULL;
    for (size_t place = 0; place < decoder->count; place++) {
        struct open_window *window = window_at(decoder, place);
        if (window->kept == window->choice.count || window->choice.index[window->kept] != index)
            continue;
        enum m2c_status status = held ? M2C_OK : hold_frame(decoder, frame, &held, err);
        if (status)
            return status;
        held->holders++;
        window->frames[window->kept++] = held;
        if (concealed)
            window->clip.warnings |= M2C_CLIP_DAMAGED;
    }
    return M2C_OK;
}

static enum m2c_status keep(void *context, const AVFrame *frame, size_t slot, bool concealed,
                            struct m2c_error *err)
{
    struct window_decoder *decoder = context;
    int64_t index = decoder->wanted->index[slot];
    enum m2c_status status = open_windows(decoder, index, err);
    if (!status)
        status = give_frame(decoder, frame, index, concealed, err);
    return status ? status : deliver(decoder, err);
}

static enum m2c_status run(struct window_decoder *decoder, const uint8_t *bytes, size_t size,
                           struct m2c_error *err)
{
    decoder->capacity = (size_t)ceil(decoder->grid.window_s / decoder->grid.hop_s) + 2;
    decoder->open = calloc(decoder->capacity, sizeof *decoder->open);
    if (!decoder->open)
        return m2c_fail_memory(err, "the windows", decoder->capacity * sizeof *decoder->open);
    enum m2c_status status = m2c_frame_search_open(&decoder->search, bytes, size, err);
    if (status)
        return status;
    decoder->converter.rgb.orientation = m2c_orientation_of(decoder->search.container.stream);
    return m2c_frame_search_run(&decoder->search, err);
}

enum m2c_status m2c_video_decode_windows(const uint8_t *bytes, size_t size,
                                         const struct m2c_decode_plan *plan, double window_s,
                                         double hop_s, m2c_on_window on_window, void *context,
                                         struct m2c_error *err)
{
    enum m2c_status status = m2c_decode_plan_check(plan, err);
    if (!status)
        status = m2c_window_check(window_s, hop_s, err);
    if (status)
        return status;
    struct window_decoder decoder = {
        .plan = plan,
        .on_window = on_window,
        .context = context,
        .grid = {.window_s = window_s,
                 .hop_s = hop_s,
                 .start_s = plan->sampling.start_s > 0.0 ? plan->sampling.start_s : 0.0},
        .asked_end_s = plan->sampling.end_s >= 0.0 ? plan->sampling.end_s : NAN,
        .converter.plan = plan,
    };
    const struct m2c_frame_taker taker = {
        .context = &decoder, .streams = true, .choose = choose, .keep = keep};
    decoder.search =
        (struct m2c_frame_search){.plan = plan, .strategy = M2C_CLIP_FASTEST, .taker = &taker};
    status = run(&decoder, bytes, size, err);
    if (decoder.open)
        close_all(&decoder);
    free(decoder.open);
    m2c_frame_converter_destroy(&decoder.converter);
    m2c_frame_search_close(&decoder.search);
    return status;
}
