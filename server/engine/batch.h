/* Batches: which pieces of waiting work go through the network together.
 *
 * Views of any requests share a pass where model, set and frames a view are the same. Work takes
 * turns view by view, so that a request of thirty views has one in each pass while others wait, and
 * all of a pass when it is alone. Texts are a pass of their own, a part of one list, and so is each
 * mask. Pure but for the flag `cancel`: whoever shares lanes locks them.
 */
#ifndef SRV_ENGINE_BATCH_H
#define SRV_ENGINE_BATCH_H

#include <stdatomic.h>

#include "server/engine/work.h"

enum {
    SRV_BATCH_MAX = M2C_MAX_FRAMES, /* clips of a pass: each has a frame at least */

    /* Bytes of the texts of one pass, templates counted: a few thousand tokens at most, which is
     * what one or two clips cost. */
    SRV_PASS_TEXT_BYTES = 8192,
};

/* Everything that waits. Zeroed: nothing. */
struct srv_lanes {
    struct srv_line lines[SRV_LANES];
    struct srv_turns turns;
};

struct srv_batch_limits {
    int max_clips;
    int max_frames;     /* of all clips; one clip may always go */
    double max_wait_ms; /* that a clip waits for others to fill its pass */
};

struct srv_batch {
    enum srv_work_kind kind;
    enum srv_lane lane;
    const struct srv_served *served;
    const struct m2c_set *set;
    size_t count; /* pieces: views, texts or masks */

    /* SRV_WORK_VIEWS: what to encode, and whose it is. */
    struct m2c_batch_view views[SRV_BATCH_MAX];
    struct srv_work *owners[SRV_BATCH_MAX];

    /* SRV_WORK_TEXTS, SRV_WORK_MASKS: those from first on of owners[0]. */
    size_t first;

    size_t live;        /* pieces that somebody still wants */
    atomic_bool cancel; /* set when nobody does */
};

/* Work comes in; leaves before all of it was taken. */
void srv_lanes_enter(struct srv_lanes *lanes, struct srv_work *work);
void srv_lanes_leave(struct srv_lanes *lanes, struct srv_work *work);

bool srv_lanes_empty(const struct srv_lanes *lanes);

/* Takes work out whose deadline is past: each is handed to `drop`, which may not change lanes. */
void srv_lanes_expire(struct srv_lanes *lanes, double now_ms,
                      void (*drop)(struct srv_work *work, void *context), void *context);

/* When the next batch should begin: 0 (at once) where it is full or nobody is to wait, else the
 * moment until which it may still grow. Something must wait. */
double srv_batch_due_ms(const struct srv_lanes *lanes, const struct srv_batch_limits *limits);

/* Takes the next batch; something must wait. Work all of whose pieces are taken leaves its lane. */
void srv_batch_take(struct srv_lanes *lanes, const struct srv_batch_limits *limits,
                    struct srv_batch *out);

/* The pieces of `work` in the batch are not wanted any more. */
void srv_batch_forget(struct srv_batch *batch, const struct srv_work *work);

#endif
