#include "train/objective.h"

#include <math.h>
#include <string.h>

#include "kernels/product.h"
#include "train/losses.h"

/* Similarities are read as probabilities at this scale, whatever the file's logit scale. */
static const float cmc_scale = 100.0F;

void trn_objective_carve(struct trn_carver *carver, struct trn_objective *objective,
                         const struct trn_losses *weights, const struct trn_network *network,
                         const struct trn_batch *batch, size_t texts, size_t masked)
{
    size_t clips = batch->clips, dim = (size_t)network->config.embed_dim;
    size_t labels = weights->cmc > 0 ? batch->classes : 0;
    size_t widest = labels > clips ? labels : clips;
    size_t vc_classes = weights->vc > 0 ? network->vision.vc.out : 0;
    *objective = (struct trn_objective){.weights = *weights,
                                        .clips = clips,
                                        .labels = labels,
                                        .texts = texts,
                                        .masked = masked,
                                        .dim = dim,
                                        .vc_classes = vc_classes,
                                        .words = network->cmlm.decoder.out};
    objective->video_unit = trn_carve(carver, clips * dim);
    objective->text_unit = trn_carve(carver, texts * dim);
    objective->norms = trn_carve(carver, clips + texts);
    objective->d_video_unit = trn_carve(carver, clips * dim);
    objective->d_text_unit = trn_carve(carver, texts * dim);
    objective->cosines = trn_carve(carver, clips * widest);
    objective->slope = trn_carve(carver, clips * widest);
    objective->targets = (int32_t *)(void *)trn_carve(carver, masked);
    objective->d_video = trn_carve(carver, clips * dim);
    objective->d_texts = trn_carve(carver, texts * dim);
    objective->vc_slope = trn_carve(carver, clips * vc_classes);
    objective->words_slope = trn_carve(carver, masked * objective->words);
}

/* cosines [B, count] = scale times those with the texts from `first` on. */
static void take_cosines(struct m2c_team *team, struct trn_objective *objective, size_t first,
                         size_t count, float scale)
{
    const struct m2c_product product = {.rows = objective->clips,
                                        .columns = count,
                                        .depth = objective->dim,
                                        .a = objective->video_unit,
                                        .lda = objective->dim,
                                        .b = objective->text_unit + first * objective->dim,
                                        .ldb = objective->dim,
                                        .b_transposed = true,
                                        .c = objective->cosines,
                                        .ldc = count,
                                        .alpha = scale};
    m2c_product_run_team(&product, team);
}

/* Adds what slope [B, count], the gradient by scaled cosines, means for the unit vectors. */
static void add_slopes(struct m2c_team *team, struct trn_objective *objective, const float *slope,
                       size_t first, size_t count, float scale)
{
    size_t dim = objective->dim;
    struct m2c_product product = {.rows = objective->clips,
                                  .columns = dim,
                                  .depth = count,
                                  .a = slope,
                                  .lda = count,
                                  .b = objective->text_unit + first * dim,
                                  .ldb = dim,
                                  .c = objective->d_video_unit,
                                  .ldc = dim,
                                  .alpha = scale,
                                  .beta = 1.0F};
    m2c_product_run_team(&product, team);
    product.rows = count;
    product.depth = objective->clips;
    product.a_transposed = true;
    product.b = objective->video_unit;
    product.c = objective->d_text_unit + first * dim;
    m2c_product_run_team(&product, team);
}

static double run_contrastive(struct m2c_team *team, struct trn_objective *objective,
                              const int32_t *labels, const struct trn_view *logit_scale)
{
    size_t clips = objective->clips, first = objective->texts - clips;
    float scale = logit_scale->value ? expf(*logit_scale->value) : cmc_scale;
    take_cosines(team, objective, first, clips, scale);
    double loss = trn_contrastive(objective->cosines, labels, clips, objective->weights.contrastive,
                                  objective->slope);
    if (logit_scale->grad) {
        double sum = 0; /* li = exp(s) cos, so that dli / ds is li itself */
        for (size_t i = 0; i < clips * clips; i++)
            sum += (double)objective->slope[i] * (double)objective->cosines[i];
        *logit_scale->grad += (float)sum;
    }
    add_slopes(team, objective, objective->slope, first, clips, scale);
    return loss;
}

static double run_cmc(struct m2c_team *team, struct trn_objective *objective, const int32_t *labels)
{
    take_cosines(team, objective, 0, objective->labels, cmc_scale);
    double loss = trn_cross_entropy(objective->cosines, labels, objective->clips, objective->labels,
                                    objective->weights.cmc);
    add_slopes(team, objective, objective->cosines, 0, objective->labels, cmc_scale);
    return loss;
}

static double run_words(struct trn_objective *objective, const struct trn_outputs *outputs)
{
    for (size_t i = 0; i < objective->masked; i++)
        objective->targets[i] = (int32_t)outputs->word_targets[i];
    memcpy(objective->words_slope, outputs->words,
           objective->masked * objective->words * sizeof *objective->words_slope);
    return trn_cross_entropy(objective->words_slope, objective->targets, objective->masked,
                             objective->words, objective->weights.cmlm);
}

static void make_units(struct trn_objective *objective, const struct trn_outputs *outputs)
{
    size_t clips = objective->clips, texts = objective->texts, dim = objective->dim;
    trn_unit_rows(outputs->video, clips, dim, objective->video_unit, objective->norms);
    memset(objective->d_video_unit, 0, clips * dim * sizeof(float));
    memset(objective->d_video, 0, clips * dim * sizeof(float));
    if (texts == 0)
        return;
    trn_unit_rows(outputs->texts, texts, dim, objective->text_unit, objective->norms + clips);
    memset(objective->d_text_unit, 0, texts * dim * sizeof(float));
    memset(objective->d_texts, 0, texts * dim * sizeof(float));
}

void trn_objective_run(struct m2c_team *team, struct trn_objective *objective,
                       const struct trn_batch *batch, const struct trn_outputs *outputs,
                       struct trn_losses *losses)
{
    const struct trn_losses *weights = &objective->weights;
    size_t clips = objective->clips, dim = objective->dim;
    *losses = (struct trn_losses){0};
    make_units(objective, outputs);
    if (weights->contrastive > 0)
        losses->contrastive =
            run_contrastive(team, objective, batch->labels, &outputs->logit_scale);
    if (weights->cmc > 0)
        losses->cmc = run_cmc(team, objective, batch->labels);
    trn_unit_rows_backward(objective->video_unit, objective->norms, objective->d_video_unit, clips,
                           dim, objective->d_video);
    trn_unit_rows_backward(objective->text_unit, objective->norms + clips, objective->d_text_unit,
                           objective->texts, dim, objective->d_texts);
    if (objective->vc_slope) {
        memcpy(objective->vc_slope, outputs->vc_logits,
               clips * objective->vc_classes * sizeof(float));
        losses->vc = trn_cross_entropy(objective->vc_slope, batch->labels, clips,
                                       objective->vc_classes, weights->vc);
    }
    if (objective->masked > 0)
        losses->cmlm = run_words(objective, outputs);
    losses->total = weights->contrastive * losses->contrastive + weights->cmc * losses->cmc +
                    weights->vc * losses->vc + weights->cmlm * losses->cmlm;
}
