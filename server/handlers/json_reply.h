/* Replies in JSON, from what a writer has written. Loop thread. */
#ifndef SRV_HANDLERS_JSON_REPLY_H
#define SRV_HANDLERS_JSON_REPLY_H

#include "proto/json_writer.h"
#include "server/http/request.h"

/* Answers with the writer's text (taken; the writer is empty after), or with 500 without memory. */
void srv_reply_json(struct srv_request *request, int http_status, struct proto_writer *writer);

#endif
