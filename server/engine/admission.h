/* Who may come in: a budget of work under way, in milliseconds of this machine.
 *
 * A request is entered when its headers are complete, with an estimate, and leaves when it is
 * answered. What estimates cost is learned from the work itself. Long work may take three quarters
 * of the budget; a quarter is for short work alone, and one request of each lane may always be
 * there, whatever it costs. A body that comes slowly keeps its place for SRV_ARRIVING_MS; after
 * that it has to find room again when it is complete, so that slow senders hold nothing up.
 *
 * Pure: the clock is the caller's. One thread.
 */
#ifndef SRV_ENGINE_ADMISSION_H
#define SRV_ENGINE_ADMISSION_H

#include <stdbool.h>
#include <stddef.h>

#include "server/engine/lanes.h"
#include "server/engine/pace.h"

enum {
    SRV_ARRIVING_MS = 2000,
    SRV_MIN_RETRY_MS = 1000,
    SRV_MAX_RETRY_MS = 30000,
    SRV_SHORT_SHARE = 4, /* one part in so many is for short work alone */
};

struct srv_admission_options {
    double max_ms;    /* of work under way */
    size_t max_count; /* of requests under way */

    /* Guesses until the first measurement. */
    double flop_per_ms, texts_per_ms;
    double ms_per_video, bytes_per_ms; /* to decode */
};

/* What a request asks for. */
struct srv_cost {
    enum srv_lane lane;
    double flop;          /* of the clips to encode */
    double videos, bytes; /* to decode */
    double texts;         /* to encode, should none be known */
};

/* A request's place, owned by the caller. Zeroed: none. */
struct srv_reservation {
    bool entered; /* counts */
    bool arriving;
    enum srv_lane lane;
    double ms;
    double since_ms;
    struct srv_reservation *next, *previous; /* of those arriving */
};

struct srv_admission {
    struct srv_admission_options options;
    struct srv_pace encode, text; /* of the whole machine: ms a FLOP, a text */
    struct srv_fit decode;        /* likewise: ms a video and a byte */
    struct srv_pace drain;        /* wall time in which work of a cost leaves */
    double busy_since_ms;
    double ms[SRV_LANES];
    size_t count[SRV_LANES];
    struct srv_reservation *first_arriving, *last_arriving; /* by age */
};

void srv_admission_init(struct srv_admission *admission,
                        const struct srv_admission_options *options);

/* A cost in milliseconds, at the present paces. */
double srv_admission_cost_ms(const struct srv_admission *admission, const struct srv_cost *cost);

/* Takes a place for a request whose body is on its way. False where there is no room; the place is
 * empty then. */
bool srv_admission_enter(struct srv_admission *admission, struct srv_reservation *reservation,
                         enum srv_lane lane, double ms, double now_ms);

/* The body is there and the request read: this is what it costs. False where that does not fit; the
 * place is empty then. */
bool srv_admission_settle(struct srv_admission *admission, struct srv_reservation *reservation,
                          enum srv_lane lane, double ms, double now_ms);

/* Gives the place back; an empty one is none. `worked`: what it cost has been done, which tells how
 * fast work leaves. */
void srv_admission_leave(struct srv_admission *admission, struct srv_reservation *reservation,
                         bool worked, double now_ms);

/* Whether a further request of short work would be refused. */
bool srv_admission_full(const struct srv_admission *admission);

/* Of all requests under way. */
double srv_admission_ms(const struct srv_admission *admission);

/* When the present work will have left, as it has left lately: SRV_MIN_RETRY_MS..SRV_MAX_RETRY_MS.
 */
long long srv_admission_retry_ms(const struct srv_admission *admission);

#endif
