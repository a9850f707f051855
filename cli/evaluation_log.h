/* What an evaluation found clip by clip, as lines of JSON that an ended or killed run leaves behind
 * and a later one goes on from.
 *
 * The first line says what was evaluated; every further line is one clip:
 *   {"evaluation": KEY}
 *   {"item", "line", "path", "label", "decode_us", "encode_us", "vc": VERDICT, "zeroshot": VERDICT}
 *   {"item", "line", "path", "label", "error": {"code", "detail"}}
 * VERDICT = {"rank", "top"} or null: how many guesses stand before the label, and the best five.
 */
#ifndef CLI_EVALUATION_LOG_H
#define CLI_EVALUATION_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/evaluation.h"

enum cli_head { CLI_HEAD_VC, CLI_HEAD_ZEROSHOT, CLI_HEADS };

/* "vc", "zeroshot". Static storage. */
const char *cli_head_name(enum cli_head head);

/* What a head said of a clip; `top_count` 0: it was not asked. */
struct cli_verdict {
    size_t rank, top_count;
    size_t top[CLI_TOP]; /* classes, best first */
};

struct cli_clip_result {
    bool done; /* evaluated, now or in an earlier run */
    struct cli_verdict heads[CLI_HEADS];
    int32_t decode_us, encode_us;
};

/* Of which item of the data list a result is. */
struct cli_clip_name {
    size_t item, line, label;
    const char *path;
};

struct cli_evaluation_log;

/* Opens `path` for appending. `key` (plain text, of what is evaluated) is the first line of a new
 * file. A file that is there is M2C_USAGE, unless `resume`: its results then go to results [count]
 * (clips that failed are not `done`), and a last line that was cut off is taken away. Another key,
 * or a line that is none of ours (classes beyond `classes`, items beyond `count`):
 * M2C_INVALID_REQUEST. New; close it. */
M2C_MUST_USE enum m2c_status cli_evaluation_log_open(const char *path, const char *key, bool resume,
                                                     size_t classes, size_t count,
                                                     struct cli_clip_result *results,
                                                     struct cli_evaluation_log **out,
                                                     struct m2c_error *err);

/* Appends a clip, flushed: what a killed process wrote stays. */
M2C_MUST_USE enum m2c_status cli_evaluation_log_result(struct cli_evaluation_log *log,
                                                       const struct cli_clip_name *name,
                                                       const struct cli_clip_result *result,
                                                       struct m2c_error *err);
M2C_MUST_USE enum m2c_status cli_evaluation_log_failure(struct cli_evaluation_log *log,
                                                        const struct cli_clip_name *name,
                                                        const struct m2c_error *failure,
                                                        struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void cli_evaluation_log_close(struct cli_evaluation_log **log);

#endif
