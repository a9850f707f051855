/* Inputs read and decoded one ahead of who encodes them, on a thread of its own: the cores that a
 * decoder leaves idle compute meanwhile. At most two decoded videos are in memory. */
#ifndef CLI_DECODE_AHEAD_H
#define CLI_DECODE_AHEAD_H

#include "cli/inputs.h"
#include "model/digest.h"
#include "video/video.h"

/* One input, decoded or not. */
struct cli_decoded {
    const char *input;                  /* borrowed from the inputs */
    struct m2c_error failure;           /* status M2C_OK, or why there are no frames */
    char content[M2C_DIGEST_HEX_BYTES]; /* SHA-256 of the file */
    struct m2c_clip_frames clip;
    double receive_ms, decode_ms;
};

/* Sets `input`, opens its file (close it in any case) and fills content and receive_ms. */
M2C_MUST_USE enum m2c_status cli_decoded_open(struct cli_decoded *decoded, const char *input,
                                              struct cli_video_file *file, struct m2c_error *err);

void cli_decoded_destroy(struct cli_decoded *decoded);

struct cli_decode_ahead;

/* The part of an input that is looked at. */
struct cli_span {
    double start_s, end_s; /* NAN: the input's own start or end */
};

/* Starts with the first input. `spans` [inputs] or NULL, where all are read as the plan says.
 * `timeout_ms` bounds reading and decoding of each; 0: the plan's own limit alone. Inputs and spans
 * are borrowed. New; cli_decode_ahead_free ends it. */
M2C_MUST_USE enum m2c_status cli_decode_ahead_new(const struct cli_inputs *inputs,
                                                  const struct m2c_decode_plan *plan,
                                                  const struct cli_span *spans, double timeout_ms,
                                                  struct cli_decode_ahead **out,
                                                  struct m2c_error *err);

/* The next input in order, waited for; the caller destroys it. Call once an input at most. */
void cli_decode_ahead_next(struct cli_decode_ahead *ahead, struct cli_decoded *out);

/* Gives up what was not taken. Accepts NULL, nulls the pointer. */
void cli_decode_ahead_free(struct cli_decode_ahead **ahead);

#endif
