#include "train/depthwise.h"

#include <string.h>

#include "train/rows.h"

enum { TIME_TAPS = 3, SIDE = 3, SPACE_TAPS = 9, CHANNEL_GRAIN = 16 };

struct conv_pass {
    const struct trn_depthwise *conv;
    const float *h, *dy;
    float *out;
};

void trn_taps_first(float *out, const float *weight, size_t channels, size_t taps)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t k = 0; k < taps; k++)
            out[k * channels + c] = weight[c * taps + k];
}

void trn_add_channels_first(float *grad, const float *taps_grad, size_t channels, size_t taps)
{
    for (size_t c = 0; c < channels; c++)
        for (size_t k = 0; k < taps; k++)
            grad[c * taps + k] += taps_grad[k * channels + c];
}

/* The time of a row's frame in its clip. */
static size_t time_of(const struct trn_depthwise *conv, size_t row)
{
    return row / conv->grid->tokens % conv->grid->frames;
}

/* The row `offset` - 1 frames later, or NULL beyond the clip. */
static const float *at_time(const struct trn_depthwise *conv, const float *rows, size_t row,
                            size_t offset)
{
    size_t t = time_of(conv, row) + offset;
    if (t < 1 || t > conv->grid->frames)
        return NULL;
    return rows + (row + offset * conv->grid->tokens - conv->grid->tokens) * conv->ld;
}

static void time_rows(void *argument, struct m2c_range rows, int member)
{
    const struct conv_pass *pass = argument;
    const struct trn_depthwise *conv = pass->conv;
    (void)member;
    for (size_t row = rows.begin; row < rows.end; row++) {
        float *dh = pass->out + row * conv->ld;
        memset(dh, 0, conv->channels * sizeof *dh);
        for (size_t k = 0; k < TIME_TAPS; k++) {
            const float *dy = at_time(conv, pass->dy, row, TIME_TAPS - 1 - k);
            const float *weight = conv->weight + k * conv->channels;
            for (size_t c = 0; dy && c < conv->channels; c++)
                dh[c] += weight[c] * dy[c];
        }
    }
}

void trn_time_to_input(struct m2c_team *team, const struct trn_depthwise *conv, const float *dy,
                       float *dh)
{
    struct conv_pass pass = {.conv = conv, .dy = dy, .out = dh};
    trn_for_rows(team, conv->rows, 1, time_rows, &pass);
}

static void time_channels(void *argument, struct m2c_range channels, int member)
{
    const struct conv_pass *pass = argument;
    const struct trn_depthwise *conv = pass->conv;
    (void)member;
    for (size_t k = 0; k < TIME_TAPS; k++) {
        float *dw = pass->out + k * conv->channels;
        for (size_t c = channels.begin; c < channels.end; c++)
            dw[c] = 0;
        for (size_t row = 0; row < conv->rows; row++) {
            const float *h = at_time(conv, pass->h, row, k);
            const float *dy = pass->dy + row * conv->ld;
            for (size_t c = channels.begin; h && c < channels.end; c++)
                dw[c] += dy[c] * h[c];
        }
    }
}

void trn_time_to_weights(struct m2c_team *team, const struct trn_depthwise *conv, const float *h,
                         const float *dy, float *dw)
{
    struct conv_pass pass = {.conv = conv, .h = h, .dy = dy, .out = dw};
    trn_for_rows(team, conv->channels, CHANNEL_GRAIN, time_channels, &pass);
}

/* The patch that lies at tap k of `patch`'s window, or grid * grid beyond the border. */
static size_t neighbour(size_t grid, size_t patch, size_t k)
{
    size_t row = patch / grid + k / SIDE, column = patch % grid + k % SIDE;
    bool inside = row >= 1 && row <= grid && column >= 1 && column <= grid;
    return inside ? (row - 1) * grid + column - 1 : grid * grid;
}

/* A patch reached its neighbour at tap k; seen from there it lies at tap 8 - k. */
static void difference_frames(void *argument, struct m2c_range frames, int member)
{
    const struct conv_pass *pass = argument;
    const struct trn_depthwise *conv = pass->conv;
    size_t tokens = conv->grid->tokens, channels = conv->channels;
    size_t patches = conv->grid->grid * conv->grid->grid;
    (void)member;
    for (size_t frame = frames.begin; frame < frames.end; frame++) {
        const float *dy = pass->dy + (frame * tokens + 1) * conv->ld;
        float *du = pass->out + frame * tokens * channels;
        memset(du, 0, tokens * channels * sizeof *du);
        for (size_t patch = 0; patch < patches; patch++) {
            float *target = du + (patch + 1) * channels;
            for (size_t k = 0; k < SPACE_TAPS; k++) {
                size_t other = neighbour(conv->grid->grid, patch, SPACE_TAPS - 1 - k);
                if (other == patches)
                    continue;
                const float *weight = conv->weight + k * channels;
                const float *slope = dy + other * conv->ld;
                for (size_t c = 0; c < channels; c++)
                    target[c] += weight[c] * slope[c];
            }
        }
    }
}

void trn_space_to_difference(struct m2c_team *team, const struct trn_depthwise *conv,
                             const float *dy, float *du)
{
    struct conv_pass pass = {.conv = conv, .dy = dy, .out = du};
    trn_for_rows(team, conv->rows / conv->grid->tokens, 1, difference_frames, &pass);
}

static void input_rows(void *argument, struct m2c_range rows, int member)
{
    const struct conv_pass *pass = argument;
    const struct trn_depthwise *conv = pass->conv;
    size_t channels = conv->channels;
    (void)member;
    for (size_t row = rows.begin; row < rows.end; row++) {
        size_t t = time_of(conv, row);
        const float *now = t > 0 ? pass->dy + row * channels : NULL;
        const float *next =
            t + 1 < conv->grid->frames ? pass->dy + (row + conv->grid->tokens) * channels : NULL;
        float *dh = pass->out + row * conv->ld;
        memset(dh, 0, channels * sizeof *dh);
        for (size_t c = 0; now && c < channels; c++)
            dh[c] += now[c];
        for (size_t c = 0; next && c < channels; c++)
            dh[c] -= next[c];
    }
}

void trn_difference_to_input(struct m2c_team *team, const struct trn_depthwise *conv,
                             const float *du, float *dh)
{
    struct conv_pass pass = {.conv = conv, .dy = du, .out = dh};
    trn_for_rows(team, conv->rows, 1, input_rows, &pass);
}

/* dw_k += dy of every patch of a frame times what its neighbour k was. */
static void add_frame(const struct conv_pass *pass, size_t frame, struct m2c_range channels)
{
    const struct trn_depthwise *conv = pass->conv;
    size_t grid = conv->grid->grid, tokens = conv->grid->tokens;
    size_t first = frame * tokens + 1;
    bool differs = frame % conv->grid->frames > 0;
    for (size_t patch = 0; patch < grid * grid; patch++) {
        const float *dy = pass->dy + (first + patch) * conv->ld;
        for (size_t k = 0; k < SPACE_TAPS; k++) {
            size_t other = neighbour(grid, patch, k);
            if (other == grid * grid)
                continue;
            float *dw = pass->out + k * conv->channels;
            const float *now = pass->h + (first + other) * conv->ld;
            const float *before = differs ? now - tokens * conv->ld : now;
            for (size_t c = channels.begin; c < channels.end; c++)
                dw[c] += dy[c] * (now[c] - before[c] + conv->shift[c]);
        }
    }
}

static void space_channels(void *argument, struct m2c_range channels, int member)
{
    const struct conv_pass *pass = argument;
    const struct trn_depthwise *conv = pass->conv;
    (void)member;
    for (size_t k = 0; k < SPACE_TAPS; k++) {
        for (size_t c = channels.begin; c < channels.end; c++)
            pass->out[k * conv->channels + c] = 0;
    }
    for (size_t frame = 0; frame < conv->rows / conv->grid->tokens; frame++)
        add_frame(pass, frame, channels);
}

void trn_space_to_weights(struct m2c_team *team, const struct trn_depthwise *conv, const float *h,
                          const float *dy, float *dw)
{
    struct conv_pass pass = {.conv = conv, .h = h, .dy = dy, .out = dw};
    trn_for_rows(team, conv->channels, CHANNEL_GRAIN, space_channels, &pass);
}
