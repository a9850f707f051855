/* The words that a video suggests for each [MASK] of a text: one pass of the masked-language head
 * over what is kept of the video.
 *
 * Started and released on the loop thread; `done` is called once, from the loop and never from
 * within start, unless the job is released before: releasing an unfinished job is cancelling it.
 */
#ifndef SRV_ENGINE_MASK_JOB_H
#define SRV_ENGINE_MASK_JOB_H

#include "scoring.h"
#include "server/engine/engine.h"

struct srv_mask_job;

struct srv_mask_request {
    struct srv_served *served;    /* the job takes a hold of its own */
    const struct m2c_set *set;    /* of that model, with a CMLM head */
    struct srv_kept_video *video; /* likewise a hold */
    const char *text;             /* borrowed for the call */
    bool truncate;
    void (*done)(struct srv_mask_job *job, const struct m2c_error *err, void *argument);
    void *argument;
};

/* New job, held by the caller. Errors of the text as m2c_masked_text_init. */
M2C_MUST_USE enum m2c_status srv_mask_job_start(struct srv_engine *engine,
                                                const struct srv_mask_request *request,
                                                struct srv_mask_job **out, struct m2c_error *err);

/* Gives the hold back; before the end this cancels. Accepts NULL, nulls the pointer. */
void srv_mask_job_release(struct srv_mask_job **job);

/* Of a finished job, borrowed while it is held. */
struct srv_mask_result {
    size_t masks, words;                      /* words: M */
    const int32_t *positions;                 /* [masks] */
    const struct m2c_prediction *predictions; /* [masks, M] in the words' order */
    double text_ms;                           /* on the team */
};

struct srv_mask_result srv_mask_job_result(const struct srv_mask_job *job);

#endif
