/* What the commands over videos share: options, model, then input after input read and
 * decoded one ahead (decode_ahead.h), encoded on the team, and answered in the output's form.
 */
#ifndef CLI_VIDEO_COMMAND_H
#define CLI_VIDEO_COMMAND_H

#include "cli/command.h"
#include "cli/inputs.h"
#include "cli/label_vectors.h"
#include "cli/output.h"
#include "cli/session.h"
#include "pipeline.h"
#include "proto/answer.h"
#include "proto/options.h"
#include "proto/predictions.h"

/* A command's whole state between the first and the last input. */
struct cli_video_run {
    const struct cli_arguments *arguments;
    struct proto_options options;
    struct cli_session session;
    struct m2c_sampling sampling;
    struct cli_output output;
    struct cli_label_vectors labels;          /* zeroshot */
    struct proto_prediction_room predictions; /* what the route answers */
    struct proto_prediction_room classes;     /* zeroshot with classes */
    struct proto_embedding *embeddings;       /* embed: the video's first, then the texts' */
    float *vectors;                           /* embed: [1 + texts, E] */
    void *own;                                /* the command's; NULL without `close` */
    double text_ms; /* spent on labels or texts, told in the first answer */
};

/* A route on the command line. */
struct cli_video_route {
    enum proto_route route;
    enum proto_payload payload;
    bool video_is_optional; /* no input at all is one answer without a video */

    /* Checks the set and encodes what is the same for all videos. */
    enum m2c_status (*prepare)(struct cli_video_run *run, struct m2c_error *err);

    /* Looks at a video otherwise than as one clip, instead of decoding and encoding it whole: sets
     * facts, view counts and warnings of `clip` (no pixels), and the times of decode and encode.
     * `plan`: of the run's sampling. NULL: one clip. */
    enum m2c_status (*look)(struct cli_video_run *run, const char *input,
                            const struct cli_video_file *file, const struct m2c_decode_plan *plan,
                            struct m2c_clip_frames *clip, struct proto_timing_ms *timing_ms,
                            struct m2c_error *err);

    /* What is left to compute from the embedding; NULL: nothing. */
    enum m2c_status (*finish)(struct cli_video_run *run,
                              const struct m2c_video_embedding *embedding, struct m2c_error *err);

    /* Frees run->own; NULL: there is none. Called after a failed `prepare` too. */
    void (*close)(struct cli_video_run *run);

    /* Fills the payload of one answer; `embedding` is NULL without a video. */
    void (*fill)(struct cli_video_run *run, const struct m2c_video_embedding *embedding,
                 struct proto_answer *answer);
};

/* The run's set's classes, best first; the list is borrowed from `room` until its next use. */
struct proto_prediction_list cli_predict_classes(struct cli_video_run *run,
                                                 struct proto_prediction_room *room,
                                                 const struct m2c_video_embedding *embedding,
                                                 bool *unknown);

/* Appends the options of a video command: session, route, output. */
void cli_video_options(struct cli_option_list *list, enum proto_route route);

/* Runs the route over all inputs. A failing input is told on stderr and in the output and the rest
 * goes on; the last error has no detail then. */
M2C_MUST_USE enum m2c_status cli_video_command(const struct cli_video_route *route,
                                               const struct cli_arguments *arguments,
                                               struct m2c_error *err);

#endif
