/* A confusion matrix as a picture and as a table. */
#ifndef CLI_CONFUSION_SVG_H
#define CLI_CONFUSION_SVG_H

#include <stdio.h>

#include "cli/evaluation.h"

/* Writes an SVG document: a row a true class, a column a predicted one, cells shaded by the share
 * of the row's clips. Names stand beside the rows and columns of up to 60 classes; every filled
 * cell tells its count on hovering. `names`: [K]. The caller checks the stream. */
void cli_confusion_svg(FILE *stream, const struct cli_evaluation *evaluation,
                       const char *const *names, const char *title);

/* Writes CSV: a header of `truth` and the names, then a row a class with its counts. */
void cli_confusion_csv(FILE *stream, const struct cli_evaluation *evaluation,
                       const char *const *names);

#endif
