#include "train/step.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/arena.h"
#include "train/cmlm.h"
#include "train/objective.h"

enum { MAX_GROUPS = 2 };

/* Memory of a tower whose size does not depend on the batch. */
struct tower_places {
    struct trn_block_run *runs;
    float **inputs;
};

struct trn_step {
    const struct trn_network *network;
    struct m2c_team *team;
    struct trn_step_options options;
    struct m2c_arena arena;
    struct tower_places vision_places, text_places;
    struct trn_label_states label_states;
    struct trn_vision vision;
    struct trn_text text;
    struct trn_cmlm cmlm;
    struct trn_objective objective;
};

struct trn_losses trn_loss_weights_defaults(void)
{
    return (struct trn_losses){.contrastive = 0.5, .cmc = 0.5, .vc = 1.0, .cmlm = 0.1};
}

static bool places_new(struct tower_places *places, int layers)
{
    places->runs = calloc((size_t)layers, sizeof *places->runs);
    places->inputs = calloc((size_t)layers, sizeof *places->inputs);
    return places->runs && places->inputs;
}

enum m2c_status trn_step_new(const struct trn_network *network, struct m2c_team *team,
                             const struct trn_step_options *options, struct trn_step **out,
                             struct m2c_error *err)
{
    struct trn_step *step = calloc(1, sizeof *step);
    *out = NULL;
    if (!step)
        return m2c_fail_memory(err, "a training step", sizeof *step);
    *step = (struct trn_step){.network = network, .team = team, .options = *options};
    if (!places_new(&step->vision_places, network->config.vision.layers) ||
        !places_new(&step->text_places, TRN_FROZEN_PARTS * network->config.text.layers)) {
        trn_step_free(&step);
        return m2c_fail_memory(err, "a training step", sizeof *step);
    }
    *out = step;
    return M2C_OK;
}

static void places_free(struct tower_places *places)
{
    free(places->runs);
    free(places->inputs);
}

void trn_step_free(struct trn_step **step_pointer)
{
    struct trn_step *step = *step_pointer;
    *step_pointer = NULL;
    if (!step)
        return;
    places_free(&step->vision_places);
    places_free(&step->text_places);
    trn_label_states_destroy(&step->label_states);
    m2c_arena_destroy(&step->arena);
    free(step);
}

/* The texts that the losses in use look at: all labels, then the clips' masked ones. */
static size_t text_groups(const struct trn_step *step, const struct trn_batch *batch,
                          struct trn_texts groups[MAX_GROUPS])
{
    const struct trn_losses *weights = &step->options.weights;
    size_t count = 0;
    if (weights->cmc > 0)
        groups[count++] =
            (struct trn_texts){.ids = batch->label_tokens, .count = batch->classes, .fixed = true};
    if (weights->contrastive > 0 || weights->cmlm > 0)
        groups[count++] =
            (struct trn_texts){.ids = batch->masked_tokens,
                               .targets = weights->cmlm > 0 ? batch->masked_targets : NULL,
                               .count = batch->clips};
    return count;
}

/* Places for the frozen parts' blocks, then for the others. */
static void place_text(struct trn_step *step)
{
    struct trn_text *text = &step->text;
    struct tower_places places = step->text_places;
    size_t frozen = trn_text_frozen_blocks(step->network);
    for (size_t i = 0; i < TRN_FROZEN_PARTS; i++) {
        text->frozen[i].tower.runs = places.runs + i * frozen;
        text->frozen[i].tower.inputs = places.inputs + i * frozen;
    }
    text->tower.runs = places.runs + TRN_FROZEN_PARTS * frozen;
    text->tower.inputs = places.inputs + TRN_FROZEN_PARTS * frozen;
}

/* Cuts everything a batch needs; on no memory the same code counts. */
static void carve(struct trn_step *step, const struct trn_batch *batch, struct trn_carver *carver)
{
    struct trn_texts groups[MAX_GROUPS];
    size_t count = text_groups(step, batch, groups);
    int size = m2c_team_size(step->team);
    bool recompute = step->options.recompute;
    step->vision = (struct trn_vision){.network = step->network,
                                       .clips = batch->clips,
                                       .frames = batch->frames,
                                       .dropout = batch->dropout};
    step->vision.tower.runs = step->vision_places.runs;
    step->vision.tower.inputs = step->vision_places.inputs;
    trn_vision_carve(carver, &step->vision, recompute, size);
    trn_text_measure(&step->text, step->network, &step->label_states, groups, count);
    place_text(step);
    trn_text_carve(carver, &step->text, groups, count, recompute, size);
    step->cmlm = (struct trn_cmlm){.network = step->network,
                                   .vision = &step->vision,
                                   .text = &step->text,
                                   .first_text = step->text.texts - batch->clips};
    if (step->text.masked > 0)
        trn_cmlm_carve(carver, &step->cmlm, size);
    trn_objective_carve(carver, &step->objective, &step->options.weights, step->network, batch,
                        step->text.texts, step->text.masked);
}

size_t trn_step_bytes(const struct trn_step *step, const struct trn_batch *batch)
{
    /* Counting writes into runs and inputs; the copy shares them, and running cuts anew. */
    struct trn_step copy = *step;
    struct trn_carver carver = {0};
    carve(&copy, batch, &carver);
    return carver.peak * sizeof(float);
}

static enum m2c_status prepare(struct trn_step *step, const struct trn_batch *batch,
                               struct m2c_error *err)
{
    size_t bytes = trn_step_bytes(step, batch);
    if (bytes > step->arena.capacity_bytes) {
        m2c_arena_destroy(&step->arena);
        enum m2c_status status = m2c_arena_init(&step->arena, bytes, err);
        if (status != M2C_OK)
            return status;
    }
    struct trn_carver carver = {.base = (float *)(void *)step->arena.base};
    carve(step, batch, &carver);
    if (carver.peak * sizeof(float) != bytes)
        return m2c_fail(err, M2C_INTERNAL, "a step was counted to take %zu bytes and took %zu",
                        bytes, carver.peak * sizeof(float));
    return M2C_OK;
}

static void run_forward(struct trn_step *step, const struct trn_batch *batch)
{
    trn_vision_forward(step->team, &step->vision, batch->images);
    if (step->text.texts > 0)
        trn_text_forward(step->team, &step->text);
    trn_cmlm_forward(step->team, &step->cmlm);
}

static struct trn_outputs outputs_of(const struct trn_step *step)
{
    return (struct trn_outputs){.video = step->vision.video,
                                .texts = step->text.vectors,
                                .vc_logits = step->vision.vc_logits,
                                .words = step->cmlm.logits,
                                .word_targets = step->text.masked_targets,
                                .logit_scale = step->network->logit_scale};
}

enum m2c_status trn_step_losses(struct trn_step *step, const struct trn_batch *batch,
                                struct trn_losses *losses, struct m2c_error *err)
{
    enum m2c_status status = prepare(step, batch, err);
    if (status != M2C_OK)
        return status;
    run_forward(step, batch);
    struct trn_outputs outputs = outputs_of(step);
    outputs.logit_scale.grad = NULL;
    trn_objective_run(step->team, &step->objective, batch, &outputs, losses);
    return M2C_OK;
}

enum m2c_status trn_step_run(struct trn_step *step, const struct trn_batch *batch,
                             struct trn_losses *losses, struct m2c_error *err)
{
    enum m2c_status status = prepare(step, batch, err);
    if (status != M2C_OK)
        return status;
    struct trn_vision *vision = &step->vision;
    struct trn_text *text = &step->text;
    size_t dim = (size_t)step->network->config.embed_dim;
    size_t text_width = (size_t)step->network->config.text.width;
    run_forward(step, batch);
    struct trn_outputs outputs = outputs_of(step);
    trn_objective_run(step->team, &step->objective, batch, &outputs, losses);
    memset(vision->d_features, 0, vision->clips * vision->frames * dim * sizeof(float));
    if (text->texts > 0)
        memset(text->d_output, 0, text->kept * text_width * sizeof(float));
    trn_cmlm_backward(step->team, &step->cmlm, step->objective.words_slope);
    if (text->texts > 0 && trn_text_trained(step->network))
        trn_text_backward(step->team, text, step->objective.d_texts);
    trn_vision_backward(step->team, vision, step->objective.d_video, step->objective.vc_slope);
    return M2C_OK;
}

static bool is_highest(const float *scores, size_t count, size_t own)
{
    for (size_t i = 0; i < count; i++)
        if (scores[i] > scores[own] || (scores[i] == scores[own] && i < own))
            return false;
    return true;
}

/* Whether no other label's text is nearer to the clip's unit vector. */
static bool is_nearest(const struct trn_objective *objective, size_t clip, size_t own)
{
    const float *video = objective->video_unit + clip * objective->dim;
    double own_cosine = 0;
    for (size_t pass = 0; pass <= objective->labels; pass++) {
        size_t label = pass == 0 ? own : pass - 1;
        const float *text = objective->text_unit + label * objective->dim;
        double cosine = 0;
        for (size_t i = 0; i < objective->dim; i++)
            cosine += (double)video[i] * (double)text[i];
        if (pass == 0)
            own_cosine = cosine;
        else if (cosine > own_cosine || (cosine == own_cosine && label < own))
            return false;
    }
    return true;
}

struct trn_hits trn_step_hits(const struct trn_step *step, const struct trn_batch *batch)
{
    const struct trn_losses *weights = &step->options.weights;
    size_t classes = step->network->vision.vc.out;
    struct trn_hits hits = {0};
    for (size_t b = 0; b < batch->clips; b++) {
        size_t own = (size_t)batch->labels[b];
        if (weights->vc > 0)
            hits.vc += is_highest(step->vision.vc_logits + b * classes, classes, own);
        if (weights->cmc > 0)
            hits.zeroshot += is_nearest(&step->objective, b, own);
    }
    return hits;
}
