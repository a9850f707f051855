#include "server/handlers/handlers.h"
#include "server/handlers/json_reply.h"

/* Alive: the loop turns. */
void srv_handle_healthz(struct srv_request *request, void *context)
{
    struct proto_writer writer;
    (void)context;
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "status");
    proto_writer_string(&writer, "ok");
    proto_writer_object_end(&writer);
    srv_reply_json(request, 200, &writer);
}
