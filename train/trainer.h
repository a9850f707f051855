/* A whole training run: passes over the data in seeded order, validation, the best weights kept,
 * and a state on disk from which a run that was stopped or killed goes on to the same weights.
 *
 * In the run's folder: checkpoint.safetensors, best.safetensors (what validation liked best),
 * log.jsonl, curves.svg.
 */
#ifndef TRN_TRAINER_H
#define TRN_TRAINER_H

#include <stdatomic.h>

#include "train/adamw.h"
#include "train/feed.h"
#include "train/history.h"
#include "train/model.h"

struct trn_run_options {
    struct trn_losses weights;
    bool recompute;
    struct trn_adamw adamw; /* `rate` is the peak of warm-up and cosine */
    uint64_t epochs, batch, warmup_steps, seed;
    double dropout;            /* before the VC layer */
    uint64_t patience;         /* passes without a better validation that end it; 0: none do */
    uint64_t checkpoint_steps; /* write the state so often, beside each pass's end; 0: never */
    const char *dir;           /* the run's folder, which must be there */
    bool resume;               /* go on from the checkpoint, where there is one */
    const char *facts;         /* what a checkpoint must agree in: data, base, options; cut at
                                  TRN_RUN_TEXT_BYTES */
    const atomic_bool *stop;   /* set: write the state and end with M2C_CANCELLED; or NULL */
};

/* What it works on, borrowed. */
struct trn_run_parts {
    struct trn_model *model;
    struct m2c_team *team;
    struct trn_clip_source *training, *validation; /* validation NULL: the last weights are kept */
    const struct trn_prompts *prompts;             /* NULL: no loss looks at texts */
    size_t frames, size;                           /* T, P */
};

/* Told of every row of the history as it is added; `steps` of the whole run. */
struct trn_run_listener {
    void (*row)(void *argument, const struct trn_history_row *row, uint64_t steps);
    void *argument;
};

struct trn_run_result {
    uint64_t steps, epochs;        /* done in all */
    uint64_t resumed_step;         /* where this call began; 0: from the start */
    bool stopped_early;            /* by patience */
    struct trn_history_row chosen; /* the validation whose weights are kept; NaN without one */
};

/* Runs to the end; the model's tensors then hold the best weights by validation (mean of the top-1
 * shares that there are; among equals the lower loss), else the last. Errors: a loss that is no
 * number is M2C_INVALID_REQUEST; as the sources, checkpoints and files have them; M2C_CANCELLED. */
M2C_MUST_USE enum m2c_status trn_run(const struct trn_run_options *options,
                                     const struct trn_run_parts *parts,
                                     const struct trn_run_listener *listener,
                                     struct trn_run_result *result, struct m2c_error *err);

/* Bytes that a run takes at its peak, by their use. */
struct trn_run_bytes {
    size_t tensors, steps, batches, clips, total;
};
M2C_MUST_USE enum m2c_status trn_run_measure(const struct trn_run_options *options,
                                             const struct trn_run_parts *parts,
                                             struct trn_run_bytes *bytes, struct m2c_error *err);

/* Steps of a pass over so many clips. */
uint64_t trn_run_pass_steps(uint64_t clips, uint64_t batch);

#endif
