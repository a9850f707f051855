/* What one decode may still spend: time, packets, decoded pixels. */
#ifndef M2C_VIDEO_BUDGET_H
#define M2C_VIDEO_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

#include "status.h"
#include "video/video.h"

struct m2c_budget {
    const struct m2c_decode_limits *limits; /* borrowed */
    const atomic_bool *cancelled;           /* borrowed, may be NULL */
    double end_ms;                          /* on m2c_clock_ms */
    int64_t packets;
    int64_t decoded_pixels;
    int64_t earlier_pixels; /* decoded before the last renewal */
};

/* Starts the clock. `plan` is borrowed for the budget's life. */
void m2c_budget_start(struct m2c_budget *budget, const struct m2c_decode_plan *plan);

/* Gives time and pixels anew, for the next part of a video that is decoded window by window. */
void m2c_budget_renew(struct m2c_budget *budget);

/* M2C_OK, M2C_DEADLINE or M2C_CANCELLED; for callbacks that cannot report facts. */
enum m2c_status m2c_budget_state(const struct m2c_budget *budget);

/* The same with the error filled. */
M2C_MUST_USE enum m2c_status m2c_budget_check(const struct m2c_budget *budget,
                                              struct m2c_error *err);

/* Spends one packet of the walk, or `pixels` of decoding, and checks time as well. Errors:
 * M2C_TOO_LONG, M2C_DEADLINE, M2C_CANCELLED. */
M2C_MUST_USE enum m2c_status m2c_budget_packet(struct m2c_budget *budget, struct m2c_error *err);
M2C_MUST_USE enum m2c_status m2c_budget_pixels(struct m2c_budget *budget, int64_t pixels,
                                               struct m2c_error *err);

#endif
