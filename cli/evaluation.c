#include "cli/evaluation.h"

#include <stdlib.h>

enum m2c_status cli_evaluation_init(struct cli_evaluation *evaluation, size_t classes,
                                    struct m2c_error *err)
{
    *evaluation = (struct cli_evaluation){.classes = classes};
    if (classes < 1 || classes > CLI_EVALUATION_MAX_CLASSES)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "labels",
                              "there are %zu labels; 1 to %d can be evaluated", classes,
                              (int)CLI_EVALUATION_MAX_CLASSES);
    evaluation->confusion = calloc(classes * classes, sizeof *evaluation->confusion);
    evaluation->top = calloc(classes, sizeof *evaluation->top);
    if (evaluation->confusion && evaluation->top)
        return M2C_OK;
    return m2c_fail_memory(err, "the confusion matrix",
                           classes * classes * sizeof *evaluation->confusion);
}

void cli_evaluation_destroy(struct cli_evaluation *evaluation)
{
    free(evaluation->confusion);
    free(evaluation->top);
    *evaluation = (struct cli_evaluation){0};
}

void cli_evaluation_add(struct cli_evaluation *evaluation, size_t truth, size_t predicted,
                        size_t rank)
{
    evaluation->clips++;
    evaluation->confusion[truth * evaluation->classes + predicted]++;
    evaluation->top[truth] += rank < CLI_TOP;
}

static double share(size_t part, size_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0.0;
}

struct cli_class_figures cli_evaluation_class(const struct cli_evaluation *evaluation, size_t index)
{
    size_t classes = evaluation->classes;
    const size_t *row = evaluation->confusion + index * classes;
    struct cli_class_figures figures = {.right = row[index], .top5 = evaluation->top[index]};
    for (size_t other = 0; other < classes; other++) {
        figures.clips += row[other];
        figures.predicted += evaluation->confusion[other * classes + index];
        if (other != index && row[other] > figures.mistakes) {
            figures.mistaken_for = other;
            figures.mistakes = row[other];
        }
    }
    figures.recall = share(figures.right, figures.clips);
    figures.precision = share(figures.right, figures.predicted);
    return figures;
}

struct cli_figures cli_evaluation_figures(const struct cli_evaluation *evaluation)
{
    struct cli_figures figures = {.clips = evaluation->clips};
    size_t right = 0, top5 = 0;
    double recalls = 0.0;
    for (size_t index = 0; index < evaluation->classes; index++) {
        struct cli_class_figures own = cli_evaluation_class(evaluation, index);
        right += own.right;
        top5 += own.top5;
        recalls += own.recall;
        figures.classes_seen += own.clips > 0;
    }
    figures.top1 = share(right, figures.clips);
    figures.top5 = share(top5, figures.clips);
    if (figures.classes_seen > 0)
        figures.mean_class = recalls / (double)figures.classes_seen;
    return figures;
}
