#include "train/vision.h"

#include <string.h>

#include "kernels/kernels.h"

static size_t frames_of(const struct trn_vision *vision)
{
    return vision->clips * vision->frames;
}

static bool ways_in_trained(const struct trn_vision_network *network)
{
    return trn_patches_trained(network) || trn_norm_trained(&network->ln_pre);
}

static void carve_layouts(struct trn_carver *carver, struct trn_vision *vision)
{
    size_t frames = frames_of(vision), tokens = 1 + vision->patches.grid * vision->patches.grid;
    vision->starts = trn_carve_sizes(carver, frames + 1);
    vision->class_rows = trn_carve_sizes(carver, frames);
    vision->class_starts = trn_carve_sizes(carver, frames + 1);
    for (size_t i = 0; carver->base && i <= frames; i++) {
        vision->starts[i] = i * tokens;
        vision->class_starts[i] = i;
        if (i < frames)
            vision->class_rows[i] = i * tokens;
    }
    vision->layout = (struct trn_layout){
        .sequences = frames,
        .rows = frames * tokens,
        .starts = vision->starts,
        .kept = frames * tokens,
        .kept_starts = vision->starts,
        .longest = tokens,
        .longest_kept = tokens,
        .grid = {.frames = vision->frames, .tokens = tokens, .grid = vision->patches.grid},
    };
    vision->layout.kept_grid = vision->layout.grid;
    vision->last_layout = vision->layout;
    vision->last_layout.kept = frames;
    vision->last_layout.partial = true;
    vision->last_layout.kept_rows = vision->class_rows;
    vision->last_layout.kept_starts = vision->class_starts;
    vision->last_layout.longest_kept = 1;
    vision->frame_grid = (struct m2c_frame_grid){.frames = vision->frames, .tokens = 1};
    vision->last_layout.kept_grid = vision->frame_grid;
}

static void carve_heads(struct trn_carver *carver, struct trn_vision *vision)
{
    const struct trn_vision_network *network = &vision->network->vision;
    size_t frames = frames_of(vision), clips = vision->clips;
    size_t width = network->patch.out, dim = network->projection.out;
    bool adapted = network->frame.kind != TRN_ADAPTER_NONE;
    vision->class_normed = trn_carve(carver, frames * width);
    vision->projected = trn_carve(carver, frames * dim);
    vision->features = adapted ? trn_carve(carver, frames * dim) : vision->projected;
    vision->video = trn_carve(carver, clips * dim);
    vision->mean = trn_carve(carver, clips * width);
    vision->mean_normed = trn_carve(carver, clips * width);
    vision->vc_logits = trn_carve(carver, clips * network->vc.out);
    vision->d_features = trn_carve(carver, frames * dim);
    vision->d_class = trn_carve(carver, frames * width);
    vision->d_normed = trn_carve(carver, frames * width);
    vision->d_mean = trn_carve(carver, clips * width);
    vision->stats = trn_carve(carver, 2 * vision->layout.rows);
    trn_adapter_carve_state(carver, &network->frame, frames, &vision->frame_state);
    trn_adapter_carve_scratch(carver, &network->frame, frames, &vision->frame_scratch);
}

void trn_vision_carve(struct trn_carver *carver, struct trn_vision *vision, bool recompute,
                      int team_size)
{
    const struct trn_vision_network *network = &vision->network->vision;
    const struct m2c_config *config = &vision->network->config;
    struct trn_tower *tower = &vision->tower;
    vision->patches = (struct trn_patches){
        .vision = network,
        .grid = (size_t)(config->image_px / config->patch_px),
        .patch_px = (size_t)config->patch_px,
        .frames = frames_of(vision),
    };
    carve_layouts(carver, vision);
    vision->patches.rows = trn_carve(carver, vision->layout.rows * network->patch.in);
    tower->blocks = network->blocks;
    tower->layers = (size_t)config->vision.layers;
    tower->layout = &vision->layout;
    tower->last_layout = &vision->last_layout;
    tower->recompute = recompute;
    tower->to_input = ways_in_trained(network);
    tower->first = tower->to_input ? 0 : trn_first_trained(tower->blocks, tower->layers);
    trn_tower_carve(carver, tower, team_size);
    vision->embedded = tower->to_input ? trn_carve(carver, vision->layout.rows * network->patch.out)
                                       : tower->inputs[0];
    carve_heads(carver, vision);
}

/* mean[b] = the mean of T rows of x [B, T, width]. */
static void mean_over_frames(const struct trn_vision *vision, const float *x, size_t width,
                             float *mean)
{
    size_t frames = vision->frames;
    memset(mean, 0, vision->clips * width * sizeof *mean);
    for (size_t row = 0; row < frames_of(vision); row++) {
        float *target = mean + row / frames * width;
        for (size_t c = 0; c < width; c++)
            target[c] += x[row * width + c] / (float)frames;
    }
}

/* dx [B, T, width] += d_mean / T. */
static void spread_over_frames(const struct trn_vision *vision, const float *d_mean, size_t width,
                               float *dx)
{
    size_t frames = vision->frames;
    for (size_t row = 0; row < frames_of(vision); row++) {
        const float *source = d_mean + row / frames * width;
        for (size_t c = 0; c < width; c++)
            dx[row * width + c] += source[c] / (float)frames;
    }
}

static void drop(const struct trn_vision *vision, float *rows, size_t width)
{
    for (size_t i = 0; vision->dropout && i < vision->clips * width; i++)
        rows[i] *= vision->dropout[i];
}

static void forward_dense(struct m2c_team *team, const struct trn_dense *dense, size_t rows,
                          const float *x, float *y)
{
    const struct trn_dense_pass pass = {
        .dense = dense, .rows = rows, .x = x, .ldx = dense->in, .y = y, .ldy = dense->out};
    trn_dense_forward(team, &pass);
}

static void forward_heads(struct m2c_team *team, struct trn_vision *vision)
{
    const struct trn_vision_network *network = &vision->network->vision;
    const float *class_rows = vision->tower.output;
    size_t frames = frames_of(vision), width = network->patch.out;
    trn_norm_forward(team, &network->ln_post, frames, class_rows, vision->class_normed);
    forward_dense(team, &network->projection, frames, vision->class_normed, vision->projected);
    trn_adapter_forward(team, &network->frame, &vision->frame_grid, frames, vision->projected,
                        vision->features, &vision->frame_state, &vision->frame_scratch);
    mean_over_frames(vision, vision->features, network->projection.out, vision->video);
    if (network->vc.out == 0)
        return;
    mean_over_frames(vision, class_rows, width, vision->mean);
    trn_norm_forward(team, &network->ln_post, vision->clips, vision->mean, vision->mean_normed);
    drop(vision, vision->mean_normed, width);
    forward_dense(team, &network->vc, vision->clips, vision->mean_normed, vision->vc_logits);
}

void trn_vision_forward(struct m2c_team *team, struct trn_vision *vision,
                        const struct m2c_image *images)
{
    const struct trn_vision_network *network = &vision->network->vision;
    trn_patches_forward(team, &vision->patches, images, vision->embedded);
    trn_norm_forward(team, &network->ln_pre, vision->layout.rows, vision->embedded,
                     vision->tower.inputs[0]);
    trn_tower_forward(team, &vision->tower);
    forward_heads(team, vision);
}

/* d_class += what the VC logits want. */
static void backward_vc(struct m2c_team *team, struct trn_vision *vision, const float *d_vc)
{
    const struct trn_vision_network *network = &vision->network->vision;
    size_t width = network->patch.out, clips = vision->clips;
    float *d_normed = vision->d_normed;
    trn_dense_to_weights(team, &network->vc, clips, vision->mean_normed, width, d_vc,
                         network->vc.out);
    trn_dense_to_input(team, &network->vc, clips, d_vc, network->vc.out, d_normed, width,
                       TRN_STORE);
    drop(vision, d_normed, width);
    memset(vision->d_mean, 0, clips * width * sizeof *vision->d_mean);
    trn_norm_backward(team, &network->ln_post, clips, vision->mean, d_normed, vision->d_mean,
                      vision->stats);
    spread_over_frames(vision, vision->d_mean, width, vision->d_class);
}

/* d_class <- what the features want. */
static void backward_features(struct m2c_team *team, struct trn_vision *vision,
                              const float *d_video)
{
    const struct trn_vision_network *network = &vision->network->vision;
    size_t frames = frames_of(vision), width = network->patch.out, dim = network->projection.out;
    spread_over_frames(vision, d_video, dim, vision->d_features);
    trn_adapter_backward(team, &network->frame, &vision->frame_grid, frames, vision->projected,
                         &vision->frame_state, vision->d_features, true, &vision->frame_scratch);
    trn_dense_to_weights(team, &network->projection, frames, vision->class_normed, width,
                         vision->d_features, dim);
    trn_dense_to_input(team, &network->projection, frames, vision->d_features, dim,
                       vision->d_normed, width, TRN_STORE);
    memset(vision->d_class, 0, frames * width * sizeof *vision->d_class);
    trn_norm_backward(team, &network->ln_post, frames, vision->tower.output, vision->d_normed,
                      vision->d_class, vision->stats);
}

void trn_vision_backward(struct m2c_team *team, struct trn_vision *vision, const float *d_video,
                         const float *d_vc)
{
    const struct trn_vision_network *network = &vision->network->vision;
    backward_features(team, vision, d_video);
    if (d_vc && network->vc.out > 0)
        backward_vc(team, vision, d_vc);
    trn_tower_backward(team, &vision->tower, vision->d_class);
    if (!vision->tower.to_input)
        return;
    /* The first block's input is not needed any more: its place takes the gradient on. */
    float *dx = vision->tower.inputs[0];
    memset(dx, 0, vision->layout.rows * network->patch.out * sizeof *dx);
    trn_norm_backward(team, &network->ln_pre, vision->layout.rows, vision->embedded,
                      vision->tower.slope, dx, vision->stats);
    trn_patches_backward(team, &vision->patches, dx);
}
