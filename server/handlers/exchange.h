/* A video request from its body to its answer.
 *
 *   read     options and inputs from one of three body forms      (exchange_input.c)
 *   submit   one job a video, one for the labels                  (exchange.c)
 *   answer   predictions, facts and times into JSON               (video_answer.c)
 *
 * It ends once: answered, past its deadline, or left by its client. Loop thread.
 */
#ifndef SRV_HANDLERS_EXCHANGE_H
#define SRV_HANDLERS_EXCHANGE_H

#include <uv.h>

#include "proto/answer.h"
#include "proto/options.h"
#include "proto/video_request.h"
#include "server/engine/label_job.h"
#include "server/engine/mask_job.h"
#include "server/engine/video_flight.h"
#include "server/handlers/handlers.h"
#include "server/handlers/payload.h"
#include "server/http/request.h"

struct srv_exchange_item;

/* What tells one video route from another. */
struct srv_video_route {
    enum proto_route route;
    enum proto_payload payload;
    bool needs_labels;
    bool needs_vc;   /* always; zero-shot with `classes` needs it too */
    bool needs_cmlm; /* each video is followed by a job for the masks of `text` */

    /* Looks at the request once its set is known: whether it needs labels, or why it cannot be
     * answered. NULL: needs_labels says it. */
    enum m2c_status (*check)(const struct srv_exchange *exchange, bool *needs_labels,
                             struct m2c_error *err);

    /* Goes on in its own way once the labels are there, and ends the exchange at last; NULL: an
     * embedding a video, then `fill`. */
    enum m2c_status (*proceed)(struct srv_exchange *exchange, struct m2c_error *err);

    /* Fills the payload of the answer about one video, or, where the item has no seat, about texts
     * alone. */
    enum m2c_status (*fill)(struct srv_exchange *exchange, const struct srv_exchange_item *item,
                            struct srv_payload *payload, struct proto_answer *answer,
                            struct m2c_error *err);
};

/* One video of the request. */
struct srv_exchange_item {
    struct srv_exchange *exchange;
    struct srv_video_seat *seat; /* NULL before, and for what failed without one */
    struct srv_mask_job *masks;  /* after it, where the route fills masks */
    bool pending;
    struct srv_body *video;             /* its bytes, held until the job takes them, or NULL */
    char content[M2C_DIGEST_HEX_BYTES]; /* hash of the video's bytes */
    struct m2c_error error;             /* status M2C_OK until it fails */
};

struct srv_timeline;

struct srv_exchange {
    struct srv_exchange *next, *previous; /* all of srv_handlers */
    struct srv_handlers *handlers;
    struct srv_request *request; /* NULL once it has ended */
    const struct srv_video_route *route;
    struct srv_served *served; /* held from the first look at the model to the end */
    const struct m2c_set *set; /* of that model */
    struct proto_options options;
    struct proto_video_request videos;
    struct m2c_sampling sampling;
    bool no_store; /* nothing of the videos may be kept, shared, or come from what is kept */
    struct srv_exchange_item *items;
    struct srv_label_source *labels; /* or texts to embed; NULL where the route needs none */
    struct srv_label_job *label_job;
    struct m2c_label_list words;   /* that masks are filled with */
    struct srv_timeline *timeline; /* of that route, once its labels are there */
    size_t pending;                /* jobs that have not ended */
    uv_timer_t deadline;
    bool deadline_open; /* the timer's handle is not closed yet */
    bool reading;       /* a thread of libuv's pool reads the body */
    uv_work_t read_work;
    struct srv_body *body; /* JSON, held while it is read */
    struct m2c_error read_error;
};

/* Takes a request whose body is complete; answers it, now or later. */
void srv_exchange_begin(struct srv_request *request, struct srv_handlers *handlers,
                        const struct srv_video_route *route);

/* exchange_input.c: fills options, videos and items from query and body, then calls
 * srv_exchange_run on the loop, maybe later. */
void srv_exchange_read(struct srv_exchange *exchange);

/* exchange.c: goes on with what was read, or with why it could not be. */
void srv_exchange_run(struct srv_exchange *exchange, const struct m2c_error *read_error);

/* The request has its answer: what still runs for it is cancelled. The exchange may be gone. */
void srv_exchange_end(struct srv_exchange *exchange);

/* The bytes of an item with their owner, moved out of the exchange; none where only the video's
 * name is known. */
struct srv_blob srv_exchange_take_video(struct srv_exchange_item *item);

/* When its time is over, on m2c_clock_ms: timeout_ms after the last body byte. */
double srv_exchange_deadline_ms(const struct srv_exchange *exchange);

/* admission.c: corrects what the request holds of the queue to what it costs, now that it has been
 * read; M2C_QUEUE_FULL or M2C_RATE_LIMITED where that is too much. */
enum m2c_status srv_admit_exchange(struct srv_exchange *exchange, struct m2c_error *err);

/* Ends the exchange with an error. */
void srv_exchange_fail(struct srv_exchange *exchange, const struct m2c_error *err);

/* video_answer.c: notes in the record how far the videos of a request came that fails or is left.
 */
void srv_exchange_note_ended_early(struct srv_exchange *exchange);

/* video_answer.c: writes the answer of all items and ends the exchange's request with it. */
void srv_exchange_answer(struct srv_exchange *exchange);

#endif
