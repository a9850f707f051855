/* What a run has measured so far: rows in memory for the curves, the same as JSON lines on disk. */
#ifndef TRN_HISTORY_H
#define TRN_HISTORY_H

#include <stdint.h>
#include <stdio.h>

#include "train/step.h"

/* Figures that were not measured are NaN. */
struct trn_history_row {
    uint64_t step, epoch; /* steps done; passes done */
    bool validation;      /* losses are means over the validation clips */
    struct trn_losses losses;
    double rate, vc_top1, zeroshot_top1; /* shares 0..1 */
    double ms;                           /* of the step, or of the validation */
};

struct trn_history {
    struct trn_history_row *rows; /* owned */
    size_t count, capacity;
    FILE *log; /* NULL: none is kept */
};

/* Begins the file anew, or with `last_step` > 0 goes on with one: rows of later steps, which a run
 * that was killed wrote behind its checkpoint, are dropped. Close in any case. M2C_IO_FAILED. */
M2C_MUST_USE enum m2c_status trn_history_open(struct trn_history *history, const char *path,
                                              uint64_t last_step, struct m2c_error *err);

/* Adds a row and writes its line. */
M2C_MUST_USE enum m2c_status trn_history_add(struct trn_history *history,
                                             const struct trn_history_row *row,
                                             struct m2c_error *err);

/* Safe on a zeroed struct. */
void trn_history_close(struct trn_history *history);

/* An SVG of losses over steps and of the validation's shares below them. */
M2C_MUST_USE enum m2c_status trn_curves_write(const char *path, const struct trn_history *history,
                                              struct m2c_error *err);

#endif
