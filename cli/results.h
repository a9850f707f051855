/* One result, an answer or a failure, in the output's form. */
#ifndef CLI_RESULTS_H
#define CLI_RESULTS_H

#include "cli/output.h"
#include "proto/answer.h"

/* Writes an answer; `answer->input` names it in every form. */
M2C_MUST_USE enum m2c_status cli_result_answer(struct cli_output *output,
                                               const struct proto_answer *answer,
                                               struct m2c_error *err);

/* Writes {"input", "error": problem}, or a CSV row with the code; a table shows nothing, since
 * stderr tells it. */
M2C_MUST_USE enum m2c_status cli_result_failure(struct cli_output *output, const char *input,
                                                const struct m2c_error *failure,
                                                const char *request_id, enum proto_payload payload,
                                                struct m2c_error *err);

#endif
