/* Who says of a clip what it shows, for an evaluation: a model in this process, or a server as its
 * clients see it.
 */
#ifndef CLI_CLIP_JUDGE_H
#define CLI_CLIP_JUDGE_H

#include "cli/decode_ahead.h"
#include "cli/evaluation_log.h"
#include "cli/session.h"
#include "model/label_list.h"
#include "proto/options.h"

/* What is to be judged, and against which labels. Everything is borrowed. */
struct cli_judge_task {
    const struct cli_inputs *inputs; /* clips, in the order that they are asked for */
    const struct cli_span *spans;    /* [inputs] */
    const size_t *truths;            /* [inputs] index of a label */
    const struct m2c_label_list *labels;
    const struct proto_options *options; /* of zeroshot: sampling, templates, labels */
};

struct cli_clip_judge {
    void *own;

    /* Judges the next clip: fills verdicts and times of `result`. An error of the clip alone lets
     * the next one be judged all the same. */
    enum m2c_status (*judge)(void *own, struct cli_clip_result *result, struct m2c_error *err);

    void (*free)(void *own);
};

/* Both make a judge that ends with cli_clip_judge_close, which is to be called in any case. A head
 * whose classes are not the task's labels (in any order) is not asked; where no head is left:
 * M2C_INVALID_REQUEST, from here or from the first clip. */

/* With the session's set; makes the session's encoder. */
M2C_MUST_USE enum m2c_status cli_judge_locally(struct cli_session *session,
                                               const struct cli_judge_task *task,
                                               struct cli_clip_judge *out, struct m2c_error *err);

/* With a server: /v1/classify and /v1/zeroshot, one after the other on one connection. `url` is
 * where it listens, without a path; `key` NULL or an API key. Times: encode_us is how long the
 * answers took, decode_us 0. */
M2C_MUST_USE enum m2c_status cli_judge_remotely(const char *url, const char *key,
                                                const struct cli_judge_task *task,
                                                struct cli_clip_judge *out, struct m2c_error *err);

/* Safe on a zeroed struct. */
void cli_clip_judge_close(struct cli_clip_judge *judge);

/* The index of a name, or `count` where the list has none of it. */
size_t cli_label_index(const struct m2c_label_list *labels, const char *name, size_t size);

/* Milliseconds as whole microseconds, as far as the log can hold them. */
int32_t cli_clip_us(double ms);

#endif
