#include "server/handlers/handlers.h"
#include "server/handlers/json_reply.h"

static const char *state_of(const struct srv_handlers *handlers)
{
    if (handlers->draining)
        return "draining";
    if (!srv_engine_served(handlers->engine))
        return "loading";
    return srv_admission_full(srv_engine_admission(handlers->engine)) ? "degraded" : "ready";
}

/* Whether requests should be sent here: not while loading or draining. A full queue is no reason to
 * send them elsewhere, since it is full for a second or two. */
void srv_handle_readyz(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    bool ready = !handlers->draining && srv_engine_served(handlers->engine);
    struct proto_writer writer;
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "state");
    proto_writer_string(&writer, state_of(handlers));
    proto_writer_object_end(&writer);
    srv_reply_json(request, ready ? 200 : 503, &writer);
}
