/* The threads that compute. Each worker owns a team and runs batches of what waits (batch.h) on the
 * encoder that the work's model has for it; all draw from the same two lanes.
 *
 * Work comes back by the mailbox, done or dropped. It is dropped before it costs anything where its
 * deadline has passed or nobody wants it any more; in the network, at the next layer, once nobody
 * wants any piece of the batch.
 */
#ifndef SRV_ENGINE_SCHEDULER_H
#define SRV_ENGINE_SCHEDULER_H

#include <stdint.h>

#include "server/engine/stats.h"
#include "server/engine/work.h"

struct srv_scheduler;

struct srv_scheduler_options {
    int threads;         /* of all teams together */
    int workers;         /* teams; as many as threads at most. With several, each has cores of its
                            own */
    int max_batch_clips; /* of one pass; 0: by the size of a team */
    double max_wait_ms;  /* that a free team waits for a pass to fill */
    int nice;            /* by which computing yields to the loop */
};

/* Makes teams and threads; models come and go while they live. New; srv_scheduler_free ends them.
 */
M2C_MUST_USE enum m2c_status srv_scheduler_new(struct srv_mailbox *mailbox,
                                               const struct srv_scheduler_options *options,
                                               struct srv_scheduler **out, struct m2c_error *err);

/* The teams of its workers, [count], borrowed: what encoders are made on. Any thread. */
struct m2c_team *const *srv_scheduler_teams(const struct srv_scheduler *scheduler, int *count);

/* The most frames of one forward pass, B * T. */
enum { SRV_PASS_MAX_FRAMES = M2C_MAX_FRAMES };

/* Queues work; cannot fail. Loop thread. */
void srv_scheduler_submit(struct srv_scheduler *scheduler, struct srv_work *work);

/* Nobody wants it any more: done comes as soon as no team is at it, with M2C_CANCELLED, or with its
 * outcome where that was already on its way. Loop thread, before done. */
void srv_scheduler_cancel(struct srv_scheduler *scheduler, struct srv_work *work);

/* Fills the parts of it that are the scheduler's. Any thread. */
void srv_scheduler_stats(struct srv_scheduler *scheduler, struct srv_engine_stats *out);

/* Joins the threads once nothing waits; what was submitted is in the mailbox then. Cancel first.
 * Accepts NULL, nulls the pointer. Loop thread. */
void srv_scheduler_free(struct srv_scheduler **scheduler);

#endif
