/* A training run's state on disk, from which it goes on as if it had not stopped.
 *
 * One safetensors file: `value.<tensor>`, `moment_1.<tensor>` and `moment_2.<tensor>` of every
 * trained tensor in f32, and the counters as metadata. All else of a run (order of the data,
 * masked words, crops, dropout) follows from its seed and these counters. The file appears whole or
 * not at all: a full disk leaves the checkpoint before it.
 */
#ifndef TRN_CHECKPOINT_H
#define TRN_CHECKPOINT_H

#include <stdint.h>

#include "train/tensors.h"

enum { TRN_RUN_TEXT_BYTES = 1024 };

struct trn_progress {
    uint64_t seed;
    uint64_t step;      /* optimizer steps done */
    uint64_t epoch;     /* whole passes over the data */
    uint64_t batch;     /* batches done of the pass that runs */
    double best;        /* the best validation figure so far; NaN: none yet */
    uint64_t best_step; /* when it was reached */
    /* What a run must be again for its checkpoint to fit: options, data, base, in the caller's own
     * words. */
    char run[TRN_RUN_TEXT_BYTES];
};

/* Writes the file, in place of an older one. M2C_IO_FAILED: the older one is still there. */
M2C_MUST_USE enum m2c_status trn_checkpoint_write(const char *path,
                                                  const struct trn_tensors *tensors,
                                                  const struct trn_progress *progress,
                                                  struct m2c_error *err);

/* Reads it back: values and moments of every trained tensor, and the counters. `progress->run`
 * holds what the run is now; another one in the file is M2C_INVALID_REQUEST with both in the
 * context. A file that is damaged, or holds other tensors or shapes, is M2C_BAD_MODEL. On failure
 * nothing has changed. */
M2C_MUST_USE enum m2c_status trn_checkpoint_read(const char *path, struct trn_tensors *tensors,
                                                 struct trn_progress *progress,
                                                 struct m2c_error *err);

#endif
