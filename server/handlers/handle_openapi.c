#include "server/handlers/embedded_files.h"
#include "server/handlers/handlers.h"
#include "server/http/request.h"

void srv_handle_openapi(struct srv_request *request, void *context)
{
    struct srv_embedded_file file = srv_embedded_openapi();
    struct srv_response response = srv_response_new(200, "application/yaml");
    (void)context;
    response.constant = file.bytes;
    response.size = file.size;
    srv_request_respond(request, &response);
}
