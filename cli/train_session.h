/* Everything that a training run works on, opened from what was asked for. */
#ifndef CLI_TRAIN_SESSION_H
#define CLI_TRAIN_SESSION_H

#include "cli/train_options.h"
#include "model/preprocess_config.h"
#include "train/checkpoint.h"

struct cli_train_session {
    struct cli_train_options options; /* losses that cannot be are switched off */
    struct m2c_preprocess preprocess; /* frames and stride as asked for */
    struct trn_data_list list, validation_list;
    struct m2c_label_list own_labels;
    const struct m2c_label_list *labels; /* own_labels, or the folders' names */
    struct m2c_label_list words;         /* of the CMLM head; empty without one */
    struct m2c_tokenizer *tokenizer;     /* NULL where the base has none */
    struct m2c_team *team;
    struct trn_model model;
    struct trn_clip_source *training, *validation; /* validation NULL: there is none */
    struct trn_prompts prompts;
    struct trn_run_parts parts;
    char facts[TRN_RUN_TEXT_BYTES]; /* what a checkpoint must agree in */
};

/* Reads lists and labels, opens the base with fresh adapters, looks at every video. What is left
 * out is told on stderr by its line. `stop` ends it with M2C_CANCELLED. Close in any case. */
M2C_MUST_USE enum m2c_status cli_train_session_open(struct cli_train_session *session,
                                                    const struct cli_train_options *options,
                                                    const atomic_bool *stop, struct m2c_error *err);

/* Safe on a zeroed struct. */
void cli_train_session_close(struct cli_train_session *session);

#endif
