#include "train/adamw.h"

#include <math.h>

#include "train/rows.h"

enum { GRAIN = 1024 };

struct update {
    const struct trn_adamw *adamw;
    struct trn_tensor *tensor;
    float keep;              /* 1 - rate decay */
    float rate;              /* rate / (1 - beta_1^step) */
    float second_correction; /* 1 / sqrt(1 - beta_2^step) */
};

struct trn_adamw trn_adamw_defaults(void)
{
    return (struct trn_adamw){.rate = 1e-3,
                              .text_factor = 0.5,
                              .decay = 0.01,
                              .beta_1 = 0.9,
                              .beta_2 = 0.999,
                              .epsilon = 1e-8};
}

static void update_values(void *argument, struct m2c_range values, int member)
{
    const struct update *update = argument;
    const struct trn_tensor *tensor = update->tensor;
    float beta_1 = (float)update->adamw->beta_1, beta_2 = (float)update->adamw->beta_2;
    float rest_1 = (float)(1.0 - update->adamw->beta_1);
    float rest_2 = (float)(1.0 - update->adamw->beta_2);
    float epsilon = (float)update->adamw->epsilon;
    (void)member;
    for (size_t i = values.begin; i < values.end; i++) {
        float grad = tensor->grad[i];
        float first = beta_1 * tensor->moment_1[i] + rest_1 * grad;
        float second = beta_2 * tensor->moment_2[i] + rest_2 * grad * grad;
        tensor->moment_1[i] = first;
        tensor->moment_2[i] = second;
        tensor->value[i] =
            tensor->value[i] * update->keep -
            update->rate * first / (sqrtf(second) * update->second_correction + epsilon);
    }
}

void trn_adamw_step(struct m2c_team *team, const struct trn_adamw *adamw, uint64_t step,
                    struct trn_tensors *tensors)
{
    double first_left = 1.0 - pow(adamw->beta_1, (double)step);
    double second_left = 1.0 - pow(adamw->beta_2, (double)step);
    for (size_t i = 0; i < trn_tensors_count(tensors); i++) {
        struct trn_tensor *tensor = trn_tensors_at(tensors, i);
        if (!tensor->trained)
            continue;
        double rate = adamw->rate * (tensor->textual ? adamw->text_factor : 1.0);
        struct update update = {
            .adamw = adamw,
            .tensor = tensor,
            .keep = (float)(1.0 - (tensor->decays ? rate * adamw->decay : 0.0)),
            .rate = (float)(rate / first_left),
            .second_correction = (float)(1.0 / sqrt(second_left)),
        };
        trn_for_rows(team, tensor->count, GRAIN, update_values, &update);
    }
}
