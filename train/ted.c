#include "train/ted.h"

#include <string.h>

#include "kernels/kernels.h"
#include "train/rows.h"

enum { TIME_TAPS = 3, SPACE_TAPS = 9 };

/* One call's arguments. */
struct ted_pass {
    const struct trn_ted *ted;
    const struct m2c_frame_grid *grid;
    size_t rows, hidden;
    bool difference; /* computed here */
    const struct trn_ted_state *state;
    const struct trn_ted_scratch *scratch;
    const float *x;
    float *y;
};

size_t trn_ted_hidden(const struct trn_ted *ted)
{
    return ted->difference ? 2 * ted->width : ted->width;
}

void trn_ted_carve_state(struct trn_carver *carver, const struct trn_ted *ted, size_t rows,
                         struct trn_ted_state *state)
{
    state->h = trn_carve(carver, rows * trn_ted_hidden(ted));
    state->g = trn_carve(carver, rows * trn_ted_hidden(ted));
}

void trn_ted_carve_scratch(struct trn_carver *carver, const struct trn_ted *ted, size_t rows,
                           struct trn_ted_scratch *scratch)
{
    scratch->dg = trn_carve(carver, rows * trn_ted_hidden(ted));
    scratch->dh = trn_carve(carver, rows * trn_ted_hidden(ted));
    scratch->du = trn_carve(carver, ted->difference ? rows * ted->width : 0);
    scratch->taps = trn_carve(carver, SPACE_TAPS * ted->width);
    scratch->taps_grad = trn_carve(carver, SPACE_TAPS * ted->width);
}

static bool any_trained(const struct trn_view *const *views, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (views[i]->grad)
            return true;
    }
    return false;
}

static bool enhancement_trained(const struct trn_ted *ted)
{
    const struct trn_view *const views[] = {&ted->time_weight, &ted->time_bias};
    return trn_dense_trained(&ted->down) || trn_dense_trained(&ted->up) || any_trained(views, 2);
}

static bool difference_trained(const struct trn_ted *ted)
{
    const struct trn_view *const views[] = {&ted->shift, &ted->space_weight, &ted->space_bias,
                                            &ted->difference_bias};
    return ted->difference && (trn_dense_trained(&ted->difference_down) ||
                               trn_dense_trained(&ted->difference_up) || any_trained(views, 4));
}

bool trn_ted_trained(const struct trn_ted *ted)
{
    return enhancement_trained(ted) || difference_trained(ted);
}

static struct ted_pass pass_of(const struct trn_ted *ted, const struct m2c_frame_grid *grid,
                               size_t rows, const struct trn_ted_state *state,
                               const struct trn_ted_scratch *scratch)
{
    return (struct ted_pass){.ted = ted,
                             .grid = grid,
                             .rows = rows,
                             .hidden = trn_ted_hidden(ted),
                             .difference = ted->difference && grid->grid > 0,
                             .state = state,
                             .scratch = scratch};
}

/* g_e of whole frames. */
static void convolve_time(void *argument, struct m2c_range frames, int member)
{
    const struct ted_pass *pass = argument;
    size_t step = pass->grid->tokens * pass->hidden;
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        size_t t = frame % pass->grid->frames;
        const float *h = pass->state->h + frame * step;
        const float *taps[TIME_TAPS] = {t > 0 ? h - step : NULL, h,
                                        t + 1 < pass->grid->frames ? h + step : NULL};
        m2c_kernels_get()->conv_time_run(pass->state->g + frame * step, pass->hidden, taps,
                                         pass->hidden, pass->grid->tokens, pass->scratch->taps,
                                         pass->ted->time_bias.value, pass->ted->width);
    }
}

/* g_d of whole frames; a class token has none. */
static void convolve_space(void *argument, struct m2c_range frames, int member)
{
    const struct ted_pass *pass = argument;
    size_t width = pass->ted->width;
    size_t step = pass->grid->tokens * pass->hidden;
    const struct m2c_space_conv conv = {.grid = pass->grid->grid,
                                        .channels = width,
                                        .weight = pass->scratch->taps,
                                        .shift = pass->ted->shift.value,
                                        .bias = pass->ted->space_bias.value};
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        const float *now = pass->state->h + frame * step + pass->hidden + width;
        float *g = pass->state->g + frame * step + width;
        bool differs = frame % pass->grid->frames > 0;
        memset(g, 0, width * sizeof *g);
        m2c_kernels_get()->conv_space_run(g + pass->hidden, pass->hidden, now,
                                          differs ? now - step : NULL, pass->hidden, 0,
                                          conv.grid * conv.grid, &conv);
    }
}

/* y = x, and on patch tokens the bias of the difference's way up. */
static void begin_frames(void *argument, struct m2c_range frames, int member)
{
    const struct ted_pass *pass = argument;
    size_t channels = pass->ted->channels, tokens = pass->grid->tokens;
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        float *y = pass->y + frame * tokens * channels;
        memcpy(y, pass->x + frame * tokens * channels, tokens * channels * sizeof *y);
        if (pass->difference)
            m2c_kernels_get()->bias(y + channels, channels, pass->ted->difference_bias.value,
                                    tokens - 1, channels);
    }
}

static void forward_dense(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, size_t ldx, float *y, size_t ldy, enum trn_store store)
{
    const struct trn_dense_pass pass = {
        .dense = dense, .rows = rows, .x = x, .ldx = ldx, .y = y, .ldy = ldy, .store = store};
    trn_dense_forward(team, &pass);
}

void trn_ted_forward(struct m2c_team *team, const struct trn_ted *ted,
                     const struct m2c_frame_grid *grid, size_t rows, const float *x, float *y,
                     const struct trn_ted_state *state, const struct trn_ted_scratch *scratch)
{
    struct ted_pass pass = pass_of(ted, grid, rows, state, scratch);
    size_t frames = rows / grid->tokens, hidden = pass.hidden;
    pass.x = x;
    pass.y = y;
    trn_for_rows(team, frames, 1, begin_frames, &pass);
    forward_dense(team, &ted->down, rows, x, ted->channels, state->h, hidden, TRN_STORE);
    trn_taps_first(scratch->taps, ted->time_weight.value, ted->width, TIME_TAPS);
    trn_for_rows(team, frames, 1, convolve_time, &pass);
    forward_dense(team, &ted->up, rows, state->g, hidden, y, ted->channels, TRN_ADD);
    if (!pass.difference)
        return;
    forward_dense(team, &ted->difference_down, rows, x, ted->channels, state->h + ted->width,
                  hidden, TRN_STORE);
    trn_taps_first(scratch->taps, ted->space_weight.value, ted->width, SPACE_TAPS);
    trn_for_rows(team, frames, 1, convolve_space, &pass);
    forward_dense(team, &ted->difference_up, rows, state->g + ted->width, hidden, y, ted->channels,
                  TRN_ADD);
}

static struct trn_depthwise depthwise_of(const struct ted_pass *pass)
{
    return (struct trn_depthwise){.grid = pass->grid,
                                  .rows = pass->rows,
                                  .channels = pass->ted->width,
                                  .ld = pass->hidden,
                                  .weight = pass->scratch->taps,
                                  .shift = pass->ted->shift.value};
}

/* The enhancement: dx is read, dh_e is left in the scratch. */
static void backward_enhancement(struct m2c_team *team, const struct ted_pass *pass,
                                 const float *dx)
{
    const struct trn_ted *ted = pass->ted;
    const struct trn_ted_scratch *scratch = pass->scratch;
    struct trn_depthwise conv = depthwise_of(pass);
    trn_dense_to_input(team, &ted->up, pass->rows, dx, ted->channels, scratch->dg, pass->hidden,
                       TRN_STORE);
    trn_dense_to_weights(team, &ted->up, pass->rows, pass->state->g, pass->hidden, dx,
                         ted->channels);
    if (ted->time_weight.grad) {
        trn_time_to_weights(team, &conv, pass->state->h, scratch->dg, scratch->taps_grad);
        trn_add_channels_first(ted->time_weight.grad, scratch->taps_grad, ted->width, TIME_TAPS);
    }
    trn_add_column_sums(team, ted->time_bias.grad, pass->rows, ted->width, scratch->dg,
                        pass->hidden);
    trn_taps_first(scratch->taps, ted->time_weight.value, ted->width, TIME_TAPS);
    trn_time_to_input(team, &conv, scratch->dg, scratch->dh);
    trn_dense_to_weights(team, &ted->down, pass->rows, pass->x, ted->channels, scratch->dh,
                         pass->hidden);
}

static void clear_class_rows(const struct ted_pass *pass, float *dg)
{
    for (size_t row = 0; row < pass->rows; row += pass->grid->tokens)
        memset(dg + row * pass->hidden, 0, pass->ted->width * sizeof *dg);
}

/* Column sums of patch rows alone, frame by frame. */
static void add_patch_sums(struct m2c_team *team, const struct ted_pass *pass, float *grad,
                           const float *dy, size_t width)
{
    size_t tokens = pass->grid->tokens;
    for (size_t row = 0; grad && row < pass->rows; row += tokens)
        trn_add_column_sums(team, grad, tokens - 1, width, dy + (row + 1) * width, width);
}

/* The difference: dx is read, dh_d is left in the scratch. */
static void backward_difference(struct m2c_team *team, const struct ted_pass *pass, const float *dx)
{
    const struct trn_ted *ted = pass->ted;
    const struct trn_ted_scratch *scratch = pass->scratch;
    struct trn_depthwise conv = depthwise_of(pass);
    float *dg = scratch->dg + ted->width, *dh = scratch->dh + ted->width;
    const float *h = pass->state->h + ted->width;
    trn_dense_to_input(team, &ted->difference_up, pass->rows, dx, ted->channels, dg, pass->hidden,
                       TRN_STORE);
    clear_class_rows(pass, dg);
    trn_dense_to_weights(team, &ted->difference_up, pass->rows, pass->state->g + ted->width,
                         pass->hidden, dx, ted->channels);
    add_patch_sums(team, pass, ted->difference_bias.grad, dx, ted->channels);
    if (ted->space_weight.grad) {
        trn_space_to_weights(team, &conv, h, dg, scratch->taps_grad);
        trn_add_channels_first(ted->space_weight.grad, scratch->taps_grad, ted->width, SPACE_TAPS);
    }
    trn_add_column_sums(team, ted->space_bias.grad, pass->rows, ted->width, dg, pass->hidden);
    trn_taps_first(scratch->taps, ted->space_weight.value, ted->width, SPACE_TAPS);
    trn_space_to_difference(team, &conv, dg, scratch->du);
    trn_add_column_sums(team, ted->shift.grad, pass->rows, ted->width, scratch->du, ted->width);
    trn_difference_to_input(team, &conv, scratch->du, dh);
    trn_dense_to_weights(team, &ted->difference_down, pass->rows, pass->x, ted->channels, dh,
                         pass->hidden);
}

void trn_ted_backward(struct m2c_team *team, const struct trn_ted *ted,
                      const struct m2c_frame_grid *grid, size_t rows, const float *x,
                      const struct trn_ted_state *state, float *dx, bool to_input,
                      const struct trn_ted_scratch *scratch)
{
    struct ted_pass pass = pass_of(ted, grid, rows, state, scratch);
    bool enhancement = to_input || enhancement_trained(ted);
    bool difference = pass.difference && (to_input || difference_trained(ted));
    pass.x = x;
    if (enhancement)
        backward_enhancement(team, &pass, dx);
    if (difference)
        backward_difference(team, &pass, dx);
    if (!to_input)
        return;
    trn_dense_to_input(team, &ted->down, rows, scratch->dh, pass.hidden, dx, ted->channels,
                       TRN_ADD);
    if (pass.difference)
        trn_dense_to_input(team, &ted->difference_down, rows, scratch->dh + ted->width, pass.hidden,
                           dx, ted->channels, TRN_ADD);
}
