/* Counts of right and wrong predictions over a labelled set: top-1, top-5, mean class accuracy and
 * the confusion matrix. Pure: no files, no clocks; one thread a struct.
 */
#ifndef CLI_EVALUATION_H
#define CLI_EVALUATION_H

#include <stddef.h>

#include "status.h"

enum { CLI_TOP = 5, CLI_EVALUATION_MAX_CLASSES = 10000 };

struct cli_evaluation {
    size_t classes;    /* K */
    size_t clips;      /* counted so far */
    size_t *confusion; /* [K, K] truth x predicted */
    size_t *top;       /* [K] of the truth's clips, those with the truth among the best five */
};

/* Empty counts of `classes` >= 1. More than CLI_EVALUATION_MAX_CLASSES: M2C_INVALID_REQUEST. New
 * arrays; destroy in any case. */
M2C_MUST_USE enum m2c_status cli_evaluation_init(struct cli_evaluation *evaluation, size_t classes,
                                                 struct m2c_error *err);
void cli_evaluation_destroy(struct cli_evaluation *evaluation);

/* Counts a clip: its class, the best guess, and how many guesses stand before its class (0: it is
 * the best guess). Both classes < K. */
void cli_evaluation_add(struct cli_evaluation *evaluation, size_t truth, size_t predicted,
                        size_t rank);

/* Shares of 0..1; 0 where nothing was counted. */
struct cli_figures {
    size_t clips, classes_seen;
    double top1, top5;
    double mean_class; /* mean of the top-1 shares of the classes that have clips */
};

struct cli_figures cli_evaluation_figures(const struct cli_evaluation *evaluation);

struct cli_class_figures {
    size_t clips;                  /* of this class */
    size_t right;                  /* of these, predicted as it */
    size_t top5;                   /* of these, with it among the best five */
    size_t predicted;              /* clips of any class predicted as it */
    size_t mistaken_for, mistakes; /* the commonest wrong guess and how often; mistakes 0: none */
    double recall, precision;      /* 0 where there is nothing to divide by */
};

struct cli_class_figures cli_evaluation_class(const struct cli_evaluation *evaluation,
                                              size_t index);

#endif
