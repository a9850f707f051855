#include "train/tower.h"

static const struct trn_layout *layout_of(const struct trn_tower *tower, size_t layer)
{
    return layer + 1 == tower->layers ? tower->last_layout : tower->layout;
}

size_t trn_first_trained(const struct trn_block *blocks, size_t layers)
{
    for (size_t i = 0; i < layers; i++) {
        if (trn_block_trained(&blocks[i]))
            return i;
    }
    return layers;
}

/* Whether a block's state is computed again, or is never needed: it may share memory. */
static bool is_shared(const struct trn_tower *tower, size_t layer)
{
    return tower->recompute || layer < tower->first;
}

/* States and scratch of blocks that keep nothing lie over each other. */
static void carve_shared(struct trn_carver *carver, struct trn_tower *tower, int team_size)
{
    size_t mark = carver->used, end = mark;
    for (size_t i = 0; i < tower->layers; i++) {
        trn_carver_rewind(carver, mark);
        if (is_shared(tower, i))
            trn_block_carve_state(carver, &tower->runs[i]);
        trn_block_carve_scratch(carver, &tower->runs[i], team_size);
        if (carver->used > end)
            end = carver->used;
    }
    trn_carver_rewind(carver, end);
}

void trn_tower_carve(struct trn_carver *carver, struct trn_tower *tower, int team_size)
{
    size_t width = tower->blocks[0].ln_1.width, rows = tower->layout->rows;
    for (size_t i = 0; i < tower->layers; i++) {
        tower->runs[i].block = &tower->blocks[i];
        tower->runs[i].layout = layout_of(tower, i);
        bool own_input = i == 0 || i > tower->first;
        tower->inputs[i] = own_input ? trn_carve(carver, rows * width) : tower->inputs[i - 1];
        if (!is_shared(tower, i))
            trn_block_carve_state(carver, &tower->runs[i]);
    }
    tower->output = trn_carve(carver, tower->last_layout->kept * width);
    tower->slope = trn_carve(carver, tower->first < tower->layers ? rows * width : 0);
    carve_shared(carver, tower, team_size);
}

void trn_tower_carve_in_place(struct trn_carver *carver, struct trn_tower *tower, float *x,
                              int team_size)
{
    for (size_t i = 0; i < tower->layers; i++) {
        tower->runs[i].block = &tower->blocks[i];
        tower->runs[i].layout = tower->layout;
        tower->inputs[i] = x;
    }
    tower->output = x;
    carve_shared(carver, tower, team_size);
}

void trn_tower_forward(struct m2c_team *team, struct trn_tower *tower)
{
    for (size_t i = 0; i < tower->layers; i++) {
        float *target = i + 1 < tower->layers ? tower->inputs[i + 1] : tower->output;
        trn_block_forward(team, &tower->runs[i], tower->inputs[i], target);
    }
}

/* The last block's state is still there when backward begins. */
static void compute_again(struct m2c_team *team, struct trn_tower *tower, size_t layer)
{
    if (!tower->recompute || layer + 1 == tower->layers)
        return;
    trn_block_forward(team, &tower->runs[layer], tower->inputs[layer], NULL);
}

void trn_tower_backward(struct m2c_team *team, struct trn_tower *tower, float *d_output)
{
    float *slope = d_output;
    for (size_t i = tower->layers; i-- > tower->first;) {
        compute_again(team, tower, i);
        trn_block_backward(team, &tower->runs[i], slope, tower->slope,
                           i > tower->first || tower->to_input);
        slope = tower->slope;
    }
}
