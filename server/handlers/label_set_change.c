#include "server/handlers/label_set_change.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/container.h"
#include "server/handlers/json_reply.h"

void srv_label_set_change_free_when_idle(struct srv_label_set_change *change)
{
    if (change->request || change->reading || change->changing)
        return;
    srv_label_job_release(&change->job);
    srv_stored_labels_unref(change->labels);
    srv_body_unref(change->body);
    free(change->if_match);
    free(change->if_none_match);
    free(change);
}

/* The request has its answer, or nobody to answer. What the registry has begun goes on. */
static void end(struct srv_label_set_change *change)
{
    change->request = NULL;
    srv_ongoing_leave(change->handlers, &change->ongoing);
    srv_label_job_release(&change->job);
    srv_label_set_change_free_when_idle(change);
}

void srv_label_set_change_fail(struct srv_label_set_change *change, const struct m2c_error *err)
{
    struct srv_request *request = change->request;
    end(change);
    srv_request_fail(request, err, -1);
}

static void on_gone(void *argument)
{
    end(argument);
}

static void on_drain(struct srv_ongoing *ongoing, const struct m2c_error *err)
{
    srv_label_set_change_fail(SRV_CONTAINER(ongoing, struct srv_label_set_change, ongoing), err);
}

static char *copy_header(const struct srv_request *request, const char *name)
{
    const char *value = srv_request_header(request, name);
    return value ? strdup(value) : NULL;
}

struct srv_label_set_change *srv_label_set_change_new(struct srv_request *request,
                                                      struct srv_handlers *handlers)
{
    const char *name = srv_request_path_parameter(request);
    struct srv_label_set_change *change = NULL;
    struct m2c_error err;
    if (!proto_label_set_name_valid(name))
        (void)m2c_fail_field(&err, M2C_INVALID_REQUEST, "name",
                             "a label set's name has 1 to %d of A-Z, a-z, 0-9, '.', '_' and '-'",
                             (int)PROTO_LABEL_SET_NAME_MAX);
    else if (!(change = calloc(1, sizeof *change)))
        (void)m2c_fail_memory(&err, "a label set", sizeof *change);
    if (!change) {
        srv_request_fail(request, &err, -1);
        return NULL;
    }
    change->handlers = handlers;
    change->request = request;
    change->ongoing.fail = on_drain;
    change->if_match = copy_header(request, "If-Match");
    change->if_none_match = copy_header(request, "If-None-Match");
    (void)snprintf(change->name, sizeof change->name, "%s", name);
    srv_ongoing_enter(handlers, &change->ongoing);
    srv_request_defer(request, on_gone, change);
    return change;
}

static void reply_stored(struct srv_label_set_change *change)
{
    struct proto_writer writer;
    (void)srv_request_add_header(change->request, "ETag", change->labels->etag);
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    srv_label_set_write_entry(&writer, change->labels);
    proto_writer_key(&writer, "cache");
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "labels_hit");
    proto_writer_integer(&writer, (int64_t)change->result.rows_hit);
    proto_writer_key(&writer, "labels_miss");
    proto_writer_integer(&writer, (int64_t)change->result.rows_miss);
    proto_writer_object_end(&writer);
    proto_writer_object_end(&writer);
    srv_reply_json(change->request, change->change.created ? 201 : 200, &writer);
}

static void on_changed(struct srv_label_change *wish, const struct m2c_error *err)
{
    struct srv_label_set_change *change = SRV_CONTAINER(wish, struct srv_label_set_change, change);
    change->changing = false;
    if (!change->request) {
        srv_label_set_change_free_when_idle(change);
        return;
    }
    if (err->status != M2C_OK) {
        srv_label_set_change_fail(change, err);
        return;
    }
    if (change->labels) {
        reply_stored(change);
    } else {
        struct srv_response response = srv_response_new(204, NULL);
        srv_request_respond(change->request, &response);
    }
    end(change);
}

void srv_label_set_change_submit(struct srv_label_set_change *change)
{
    change->change = (struct srv_label_change){
        .name = change->name,
        .labels = change->labels,
        .if_match = change->if_match,
        .if_none_match = change->if_none_match,
        .done = on_changed,
    };
    change->changing = true;
    srv_label_registry_change(change->handlers->label_sets, &change->change);
}
