/* Who may come in, and at which price: the engine's books of work and the clients' shares of them.
 */
#include <stdlib.h>

#include "runtime/clock.h"
#include "server/clients/clients.h"
#include "server/handlers/exchange.h"
#include "server/handlers/label_source.h"
#include "server/handlers/work_cost.h"
#include "server/http/request.h"

/* What a request holds of both. */
struct place {
    struct srv_handlers *handlers;
    struct srv_reservation reservation;
    struct srv_client *client; /* NULL: none is entered for it */
    double client_ms;
};

static struct srv_admission *books(const struct srv_handlers *handlers)
{
    return srv_engine_admission(handlers->engine);
}

static void leave_shares(struct place *place)
{
    if (place->client)
        srv_shares_leave(&place->handlers->clients->shares, place->client, place->client_ms);
    place->client = NULL;
}

static void release(void *argument, bool succeeded)
{
    struct place *place = argument;
    srv_admission_leave(books(place->handlers), &place->reservation, succeeded, m2c_clock_ms());
    leave_shares(place);
    free(place);
}

static enum m2c_status refuse(struct srv_request *request, const struct srv_handlers *handlers,
                              enum m2c_status why, struct m2c_error *err)
{
    const struct srv_admission *admission = books(handlers);
    srv_request_record(request)->retry_after_ms = srv_admission_retry_ms(admission);
    if (why == M2C_RATE_LIMITED)
        return m2c_fail(err, why, "others wait, and this client's work under way is its share");
    return m2c_fail(err, why, "%.0f ms of work are under way", srv_admission_ms(admission));
}

/* Enters the client for `ms`, or tells that it has its share. A client that the table has no room
 * for is bounded by the budget alone. */
static bool enter_shares(struct place *place, const struct srv_request *request, double ms)
{
    struct srv_clients *clients = place->handlers->clients;
    double budget_ms = books(place->handlers)->options.max_ms;
    struct srv_client *client = srv_client_table_get(clients->table, srv_request_client(request));
    if (client && !srv_shares_allow(&clients->shares, client, budget_ms, ms, m2c_clock_ms()))
        return false;
    place->client = client;
    place->client_ms = ms;
    if (client)
        srv_shares_enter(&clients->shares, client, ms);
    return true;
}

static void note_refused(const struct srv_handlers *handlers, const struct srv_request *request)
{
    struct srv_clients *clients = handlers->clients;
    const struct srv_client *client =
        srv_client_table_get(clients->table, srv_request_client(request));
    if (client)
        srv_shares_refused(&clients->shares, client, m2c_clock_ms());
}

static enum m2c_status take_place(struct srv_request *request, struct srv_handlers *handlers,
                                  struct m2c_error *err)
{
    const struct srv_cost cost = srv_cost_of_headers(handlers, request);
    double ms = srv_admission_cost_ms(books(handlers), &cost);
    struct place *place = calloc(1, sizeof *place);
    if (!place)
        return m2c_fail_memory(err, "a request", sizeof *place);
    place->handlers = handlers;
    if (!enter_shares(place, request, ms)) {
        free(place);
        return refuse(request, handlers, M2C_RATE_LIMITED, err);
    }
    if (!srv_admission_enter(books(handlers), &place->reservation, cost.lane, ms, m2c_clock_ms())) {
        leave_shares(place);
        free(place);
        note_refused(handlers, request);
        return refuse(request, handlers, M2C_QUEUE_FULL, err);
    }
    srv_request_set_reservation(request, place, release);
    return M2C_OK;
}

enum m2c_status srv_admit_work(struct srv_request *request, void *context, struct m2c_error *err)
{
    struct srv_handlers *handlers = context;
    struct srv_record *record = srv_request_record(request);
    if (handlers->draining) {
        record->retry_after_ms = SRV_MIN_RETRY_MS;
        return m2c_fail(err, M2C_DRAINING, "accepted work is being finished");
    }
    if (!srv_engine_served(handlers->engine)) {
        record->retry_after_ms = SRV_MIN_RETRY_MS;
        return m2c_fail(err, M2C_LOADING, "the model is not there yet");
    }
    return take_place(request, handlers, err);
}

static enum m2c_status correct(struct srv_request *request, struct srv_handlers *handlers,
                               const struct srv_cost *cost, struct m2c_error *err)
{
    struct place *place = srv_request_reservation(request);
    double ms = srv_admission_cost_ms(books(handlers), cost);
    if (!place)
        return M2C_OK;
    leave_shares(place);
    if (!enter_shares(place, request, ms))
        return refuse(request, handlers, M2C_RATE_LIMITED, err);
    if (srv_admission_settle(books(handlers), &place->reservation, cost->lane, ms, m2c_clock_ms()))
        return M2C_OK;
    leave_shares(place);
    note_refused(handlers, request);
    return refuse(request, handlers, M2C_QUEUE_FULL, err);
}

enum m2c_status srv_admit_exchange(struct srv_exchange *exchange, struct m2c_error *err)
{
    const struct srv_label_source *labels = exchange->labels;
    size_t texts = labels ? labels->text_count * labels->template_count : 0;
    size_t videos = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < exchange->videos.count; i++) {
        const struct srv_body *video = exchange->items[i].video;
        videos += video != NULL;
        bytes += video ? srv_body_size(video) : 0;
    }
    const struct srv_cost cost =
        exchange->options.route == PROTO_TIMELINE
            ? srv_cost_of_timeline(exchange->set, &exchange->sampling, texts)
            : srv_cost_of_videos(exchange->set, &exchange->sampling, videos, bytes, texts);
    return correct(exchange->request, exchange->handlers, &cost, err);
}
