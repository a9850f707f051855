/* A model with a team and an encoder on it, opened from the flags that many commands share. */
#ifndef CLI_SESSION_H
#define CLI_SESSION_H

#include "cli/arguments.h"
#include "m2clip.h"

struct cli_session {
    struct m2c_model *model;
    const struct m2c_set *set; /* what --adapter names, else the model's default */
    struct m2c_team *team;
    struct m2c_encoder *encoder; /* NULL until cli_session_encoder */
};

/* Appends --model, --adapter, --precision, --backend, --threads and --cpu-level. */
void cli_session_options(struct cli_option_list *list);

/* Applies --cpu-level, loads the model and starts the team. `fallback`: the precision without
 * --precision. --model missing or a bad value is M2C_USAGE. Close in any case. */
M2C_MUST_USE enum m2c_status cli_session_open(struct cli_session *session,
                                              const struct cli_arguments *arguments,
                                              enum m2c_precision fallback, struct m2c_error *err);

/* Makes the encoder for calls of up to `max_frames` = B * T frames, replacing one that is too
 * small. */
M2C_MUST_USE enum m2c_status cli_session_encoder(struct cli_session *session, int max_frames,
                                                 struct m2c_error *err);

/* Frees everything; safe on a zeroed struct. */
void cli_session_close(struct cli_session *session);

#endif
