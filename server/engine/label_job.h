/* Label vectors for one request: looked up where they are known, waited for where another request
 * encodes them, encoded where nobody does.
 *
 * A row is one label (or background text): the mean over templates and texts of unit vectors, made
 * unit again. Texts that are missing go to the scheduler in portions, so that a long list does not
 * keep videos waiting; whole lists are remembered too. A request that leaves or fails while others
 * wait for what it encodes does not take them along: its encoding goes on for them, or one of them
 * takes it over. Started and released on the loop thread; `done` as in video_job.h, except that
 * success may come from within start when nothing is missing.
 */
#ifndef SRV_ENGINE_LABEL_JOB_H
#define SRV_ENGINE_LABEL_JOB_H

#include "server/engine/engine.h"
#include "server/engine/label_matrix.h"

struct srv_label_job;

struct srv_label_text {
    const char *text;
    size_t row;        /* rising from text to text */
    const char *field; /* request member that it came by, "labels"; static storage */
    size_t position;   /* in that member */
};

struct srv_label_request {
    struct srv_served *served;    /* the job takes a hold of its own */
    const struct m2c_set *set;    /* of that model */
    const char *const *templates; /* each with one {}; an item may be NULL: verbatim */
    size_t template_count;        /* at least 1 */
    const struct srv_label_text *texts;
    size_t text_count, row_count;
    bool truncate;
    struct srv_label_matrix *known; /* the vectors, where the asker has them: nothing is encoded;
                                       else NULL */

    /* Owns all of the above; released on the loop thread when no thread reads it any more, also
     * when start fails. */
    void (*release)(void *owner);
    void *owner;

    void (*done)(struct srv_label_job *job, const struct m2c_error *err, void *argument);
    void *argument;
};

/* New job, held by the caller. The engine must be ready. */
M2C_MUST_USE enum m2c_status srv_label_job_start(struct srv_engine *engine,
                                                 const struct srv_label_request *request,
                                                 struct srv_label_job **out, struct m2c_error *err);

/* Gives the hold back; before the end this cancels. Accepts NULL, nulls the pointer. */
void srv_label_job_release(struct srv_label_job **job);

/* Of a finished job, borrowed while it is held. */
struct srv_label_result {
    struct srv_label_matrix *matrix; /* [row_count, E], unit rows */
    size_t rows_hit, rows_miss;      /* rows that cost nothing, rows that this job encoded for */
    double text_ms;                  /* spent encoding */
};

struct srv_label_result srv_label_job_result(const struct srv_label_job *job);

#endif
