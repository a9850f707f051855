#include "train/text.h"

#include <string.h>

#include "kernels/kernels.h"
#include "train/rows.h"

enum { GRAIN = 8, COLUMN_GRAIN = 16 };

/* A row's place in its text: a row sees itself and what stands before it. */
static size_t place_of(const struct trn_text *text, size_t row)
{
    return text->visible[row] - 1;
}

struct embedding {
    const struct trn_text *text;
    size_t first_row;
};

static void embed_rows(void *argument, struct m2c_range rows, int member)
{
    const struct embedding *embedding = argument;
    const struct trn_text *text = embedding->text;
    const struct trn_text_network *network = &text->network->text;
    size_t width = network->projection.in;
    (void)member;
    for (size_t i = rows.begin; i < rows.end; i++) {
        size_t row = embedding->first_row + i;
        float *x = text->tower.inputs[0] + row * width;
        memcpy(x, network->tokens.value + text->ids[row] * width, width * sizeof *x);
        m2c_kernels_get()->bias(x, width, network->positions.value + place_of(text, row) * width, 1,
                                width);
    }
}

static void run_part(struct m2c_team *team, struct trn_text *text, struct trn_frozen_part *part)
{
    struct embedding embedding = {.text = text, .first_row = part->first_row};
    if (part->layout.rows == 0)
        return;
    trn_for_rows(team, part->layout.rows, GRAIN, embed_rows, &embedding);
    trn_tower_forward(team, &part->tower);
}

/* The states of fixed texts come from where they are kept, or go there. */
static void run_frozen(struct m2c_team *team, struct trn_text *text)
{
    size_t width = text->network->text.projection.in;
    struct trn_frozen_part *fixed = &text->frozen[TRN_FROZEN_FIXED];
    float *states = text->tower.inputs[0];
    run_part(team, text, fixed);
    if (text->holds)
        memcpy(states, text->kept_states->states, text->fixed_rows * width * sizeof *states);
    else if (text->fixed > 0 && fixed->tower.layers > 0)
        trn_label_states_keep(text->kept_states, text->fixed_ids, text->fixed,
                              (size_t)text->network->config.context_length, states,
                              text->fixed_rows, width);
    run_part(team, text, &text->frozen[TRN_FROZEN_OTHERS]);
}

void trn_text_forward(struct m2c_team *team, struct trn_text *text)
{
    const struct trn_text_network *network = &text->network->text;
    size_t width = network->projection.in;
    run_frozen(team, text);
    trn_tower_forward(team, &text->tower);
    for (size_t n = 0; n < text->texts; n++)
        memcpy(text->end_rows + n * width, text->tower.output + text->ends[n] * width,
               width * sizeof(float));
    trn_norm_forward(team, &network->ln_final, text->texts, text->end_rows, text->end_normed);
    const struct trn_dense_pass projection = {.dense = &network->projection,
                                              .rows = text->texts,
                                              .x = text->end_normed,
                                              .ldx = width,
                                              .y = text->vectors,
                                              .ldy = network->projection.out};
    trn_dense_forward(team, &projection);
}

/* Many rows may share a token: each member has columns of its own. */
static void sum_embeddings(void *argument, struct m2c_range columns, int member)
{
    const struct trn_text *text = argument;
    const struct trn_text_network *network = &text->network->text;
    size_t width = network->projection.in;
    (void)member;
    for (size_t row = 0; row < text->rows; row++) {
        const float *dx = text->tower.slope + row * width;
        float *token = network->tokens.grad;
        float *position = network->positions.grad;
        for (size_t c = columns.begin; token && c < columns.end; c++)
            token[text->ids[row] * width + c] += dx[c];
        for (size_t c = columns.begin; position && c < columns.end; c++)
            position[place_of(text, row) * width + c] += dx[c];
    }
}

void trn_text_backward(struct m2c_team *team, struct trn_text *text, const float *d_vectors)
{
    const struct trn_text_network *network = &text->network->text;
    size_t width = network->projection.in, dim = network->projection.out;
    trn_dense_to_weights(team, &network->projection, text->texts, text->end_normed, width,
                         d_vectors, dim);
    trn_dense_to_input(team, &network->projection, text->texts, d_vectors, dim, text->d_normed,
                       width, TRN_STORE);
    memset(text->d_end, 0, text->texts * width * sizeof *text->d_end);
    trn_norm_backward(team, &network->ln_final, text->texts, text->end_rows, text->d_normed,
                      text->d_end, text->stats);
    for (size_t n = 0; n < text->texts; n++)
        m2c_kernels_get()->add(text->d_output + text->ends[n] * width, width,
                               text->d_end + n * width, width, 1, width);
    trn_tower_backward(team, &text->tower, text->d_output);
    if (text->tower.to_input)
        trn_for_rows(team, width, COLUMN_GRAIN, sum_embeddings, text);
}
