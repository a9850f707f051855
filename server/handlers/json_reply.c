#include "server/handlers/json_reply.h"

void srv_reply_json(struct srv_request *request, int http_status, struct proto_writer *writer)
{
    struct m2c_error err;
    struct srv_response response = srv_response_new(http_status, "application/json");
    enum m2c_status status = proto_writer_take(writer, &response.bytes, &response.size, &err);
    proto_writer_destroy(writer);
    if (status != M2C_OK)
        srv_request_fail(request, &err, -1);
    else
        srv_request_respond(request, &response);
}
