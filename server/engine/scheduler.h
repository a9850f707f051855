/* The one thread that computes: it owns the team and runs what is queued, first come, first served,
 * on the encoder of the model that each piece of work came with.
 *
 * Work is of two kinds, the views of a decoded video and the texts of labels; both are embedded in
 * what asks for them and come back by the mailbox. Work whose flag is set is dropped before it
 * costs anything; a video's flag is looked at between layers too.
 */
#ifndef SRV_ENGINE_SCHEDULER_H
#define SRV_ENGINE_SCHEDULER_H

#include <stdatomic.h>
#include <stddef.h>

#include "pipeline.h"
#include "server/engine/mailbox.h"
#include "server/engine/served.h"

struct srv_scheduler;

enum srv_work_kind { SRV_WORK_VIEWS, SRV_WORK_TEXTS };

struct srv_work {
    enum srv_work_kind kind;
    const struct srv_served *served; /* held by the asker until done */
    const struct m2c_set *set;       /* of that model */
    const atomic_bool *cancelled;
    void (*done)(struct srv_work *work); /* loop thread */

    /* SRV_WORK_VIEWS: all views of `frames` into `embedding`, both the asker's. */
    const struct m2c_clip_frames *frames;
    struct m2c_video_embedding *embedding;

    /* SRV_WORK_TEXTS: unit vectors [text_count, E] of texts under one template (NULL: verbatim). A
     * text at fault is named `text[i]` in err.field. */
    const char *template_text;
    const char *const *texts;
    size_t text_count; /* a few hundred at most: this much runs without a look at the flag */
    bool truncate;
    float *vectors;

    /* Set when done is called. err.status: the outcome. */
    struct m2c_error err;
    double wait_ms, run_ms; /* in the queue, on the team */

    /* The scheduler's own. */
    struct srv_letter letter;
    double queued_ms;
};

struct srv_scheduler_options {
    int threads; /* of the team */
};

/* Makes team and thread; models come and go while it lives. New; srv_scheduler_free ends them. */
M2C_MUST_USE enum m2c_status srv_scheduler_new(struct srv_mailbox *mailbox,
                                               const struct srv_scheduler_options *options,
                                               struct srv_scheduler **out, struct m2c_error *err);

/* The teams of its workers, [count], borrowed: what encoders are made on. Any thread. */
struct m2c_team *const *srv_scheduler_teams(const struct srv_scheduler *scheduler, int *count);

/* The most frames of one forward pass, B * T. */
enum { SRV_PASS_MAX_FRAMES = M2C_MAX_FRAMES };

/* Queues work; cannot fail. Loop thread. */
void srv_scheduler_submit(struct srv_scheduler *scheduler, struct srv_work *work);

/* Joins the thread once the queue is empty; what was submitted is in the mailbox then. Cancel
 * first. Accepts NULL, nulls the pointer. Loop thread. */
void srv_scheduler_free(struct srv_scheduler **scheduler);

#endif
