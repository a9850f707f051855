/* The tensors of a training step, read from one file or several: for `gradcheck`. */
#ifndef CLI_GRADCHECK_INPUT_H
#define CLI_GRADCHECK_INPUT_H

#include "cli/forward_input.h"
#include "train/step.h"

struct cli_gradcheck_input {
    struct cli_forward_input forward;                 /* `input` and `tokens` */
    int32_t *labels, *masked_tokens, *masked_targets; /* owned */
    struct trn_batch batch;                           /* borrows from all of these */
};

/* Finds `input`, `tokens`, `labels`, `masked_tokens` and `mlm_labels` in the files together, a
 * later file's before an earlier one's. Without `masked_tokens` the clips' own texts are read
 * unmasked, and nothing is masked without `mlm_labels`. Destroy in any case. */
M2C_MUST_USE enum m2c_status cli_gradcheck_input_read(const char *const *paths, size_t count,
                                                      const struct m2c_config *config,
                                                      struct cli_gradcheck_input *input,
                                                      struct m2c_error *err);
void cli_gradcheck_input_destroy(struct cli_gradcheck_input *input);

#endif
