#include "server/engine/admission.h"

void srv_admission_init(struct srv_admission *admission,
                        const struct srv_admission_options *options)
{
    *admission = (struct srv_admission){
        .options = *options,
        .encode = {options->flop_per_ms, 1.0},
        .decode = {.each = options->ms_per_video, .slope = 1.0 / options->bytes_per_ms},
        .text = {options->texts_per_ms, 1.0},
        .drain = {1.0, 1.0},
    };
}

double srv_admission_cost_ms(const struct srv_admission *admission, const struct srv_cost *cost)
{
    return srv_pace_ms(&admission->encode, cost->flop) +
           srv_fit_ms(&admission->decode, cost->videos, cost->bytes) +
           srv_pace_ms(&admission->text, cost->texts);
}

double srv_admission_ms(const struct srv_admission *admission)
{
    return admission->ms[SRV_LANE_SHORT] + admission->ms[SRV_LANE_LONG];
}

static size_t all_requests(const struct srv_admission *admission)
{
    return admission->count[SRV_LANE_SHORT] + admission->count[SRV_LANE_LONG];
}

static bool has_room(const struct srv_admission *admission, enum srv_lane lane, double ms)
{
    double most_ms = admission->options.max_ms;
    size_t most = admission->options.max_count;
    double lane_ms = admission->ms[lane] + ms;
    bool fits = srv_admission_ms(admission) + ms <= most_ms;
    if (all_requests(admission) >= most)
        return false;
    if (admission->count[lane] == 0)
        return true;
    if (lane == SRV_LANE_SHORT)
        return fits || lane_ms <= most_ms / SRV_SHORT_SHARE;
    return fits && lane_ms <= most_ms - most_ms / SRV_SHORT_SHARE &&
           admission->count[lane] < most - most / SRV_SHORT_SHARE;
}

/* ---- those whose body is on its way ---- */

static void start_arriving(struct srv_admission *admission, struct srv_reservation *reservation)
{
    reservation->arriving = true;
    reservation->next = NULL;
    reservation->previous = admission->last_arriving;
    if (reservation->previous)
        reservation->previous->next = reservation;
    else
        admission->first_arriving = reservation;
    admission->last_arriving = reservation;
}

static void stop_arriving(struct srv_admission *admission, struct srv_reservation *reservation)
{
    if (!reservation->arriving)
        return;
    if (reservation->next)
        reservation->next->previous = reservation->previous;
    else
        admission->last_arriving = reservation->previous;
    if (reservation->previous)
        reservation->previous->next = reservation->next;
    else
        admission->first_arriving = reservation->next;
    reservation->arriving = false;
}

/* ---- the books ---- */

static void book(struct srv_admission *admission, struct srv_reservation *reservation,
                 enum srv_lane lane, double ms, double now_ms)
{
    if (all_requests(admission) == 0)
        admission->busy_since_ms = now_ms;
    reservation->entered = true;
    reservation->lane = lane;
    reservation->ms = ms;
    admission->ms[lane] += ms;
    admission->count[lane]++;
}

static void strike(struct srv_admission *admission, struct srv_reservation *reservation)
{
    enum srv_lane lane = reservation->lane;
    if (!reservation->entered)
        return;
    reservation->entered = false;
    admission->count[lane]--;
    /* Sums of fractions do not come back to zero by themselves. */
    admission->ms[lane] = admission->count[lane] == 0 ? 0.0 : admission->ms[lane] - reservation->ms;
}

/* Whoever sends slowly loses the place, not the request. */
static void lapse(struct srv_admission *admission, double now_ms)
{
    struct srv_reservation *oldest = admission->first_arriving;
    while (oldest && now_ms - oldest->since_ms > SRV_ARRIVING_MS) {
        stop_arriving(admission, oldest);
        strike(admission, oldest);
        oldest = admission->first_arriving;
    }
}

bool srv_admission_enter(struct srv_admission *admission, struct srv_reservation *reservation,
                         enum srv_lane lane, double ms, double now_ms)
{
    *reservation = (struct srv_reservation){.since_ms = now_ms};
    lapse(admission, now_ms);
    if (!has_room(admission, lane, ms))
        return false;
    book(admission, reservation, lane, ms, now_ms);
    start_arriving(admission, reservation);
    return true;
}

bool srv_admission_settle(struct srv_admission *admission, struct srv_reservation *reservation,
                          enum srv_lane lane, double ms, double now_ms)
{
    bool had = reservation->entered && reservation->lane == lane && ms <= reservation->ms;
    stop_arriving(admission, reservation);
    strike(admission, reservation);
    lapse(admission, now_ms);
    if (!had && !has_room(admission, lane, ms))
        return false;
    book(admission, reservation, lane, ms, now_ms);
    return true;
}

void srv_admission_leave(struct srv_admission *admission, struct srv_reservation *reservation,
                         bool worked, double now_ms)
{
    if (reservation->entered && worked) {
        srv_pace_learn(&admission->drain, reservation->ms, now_ms - admission->busy_since_ms);
        admission->busy_since_ms = now_ms;
    }
    stop_arriving(admission, reservation);
    strike(admission, reservation);
}

bool srv_admission_full(const struct srv_admission *admission)
{
    return !has_room(admission, SRV_LANE_SHORT, 0.0);
}

long long srv_admission_retry_ms(const struct srv_admission *admission)
{
    double ms = srv_pace_ms(&admission->drain, srv_admission_ms(admission));
    if (ms < SRV_MIN_RETRY_MS)
        return SRV_MIN_RETRY_MS;
    return ms > SRV_MAX_RETRY_MS ? SRV_MAX_RETRY_MS : (long long)ms;
}
