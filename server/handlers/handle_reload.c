#include <stdlib.h>

#include "server/container.h"
#include "server/handlers/ongoing.h"
#include "server/handlers/reloading.h"
#include "server/http/request.h"

/* Somebody who waits for a reload. */
struct waiting {
    struct srv_ongoing ongoing;
    struct srv_handlers *handlers;
    struct srv_request *request;
    struct srv_reload reload;
};

static void end(struct waiting *waiting)
{
    srv_ongoing_leave(waiting->handlers, &waiting->ongoing);
    free(waiting);
}

static void on_gone(void *argument)
{
    struct waiting *waiting = argument;
    srv_engine_forget_reload(waiting->handlers->engine, &waiting->reload);
    end(waiting);
}

static void on_drain(struct srv_ongoing *ongoing, const struct m2c_error *err)
{
    struct waiting *waiting = SRV_CONTAINER(ongoing, struct waiting, ongoing);
    struct srv_request *request = waiting->request;
    on_gone(waiting);
    srv_request_fail(request, err, -1);
}

static void on_reloaded(struct srv_reload *reload, const struct m2c_error *err)
{
    struct waiting *waiting = SRV_CONTAINER(reload, struct waiting, reload);
    struct srv_handlers *handlers = waiting->handlers;
    struct srv_request *request = waiting->request;
    const struct m2c_error outcome = *err;
    end(waiting);
    srv_handlers_reloaded(handlers, &outcome);
    if (outcome.status == M2C_OK)
        srv_handle_models(request, handlers);
    else
        srv_request_fail(request, &outcome, -1);
}

/* POST /v1/models/reload: the models as they are after it, or why nothing has changed. */
void srv_handle_reload(struct srv_request *request, void *context)
{
    struct srv_handlers *handlers = context;
    struct waiting *waiting = NULL;
    struct m2c_error err;
    if (!srv_engine_served(handlers->engine))
        (void)m2c_fail(&err, M2C_LOADING, "the model is not there yet");
    else if (handlers->draining)
        (void)m2c_fail(&err, M2C_DRAINING, "accepted work is being finished");
    else if (!(waiting = calloc(1, sizeof *waiting)))
        (void)m2c_fail_memory(&err, "a reload", sizeof *waiting);
    if (!waiting) {
        srv_request_fail(request, &err, 1000);
        return;
    }
    waiting->handlers = handlers;
    waiting->request = request;
    waiting->ongoing.fail = on_drain;
    waiting->reload.done = on_reloaded;
    srv_ongoing_enter(handlers, &waiting->ongoing);
    srv_request_defer(request, on_gone, waiting);
    srv_engine_reload(handlers->engine, &waiting->reload);
}
