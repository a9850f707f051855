#include "server/handlers/etag.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json_reply.h"
#include "server/handlers/label_set_change.h"

static struct proto_label_set_entry entry_of(const struct srv_stored_labels *labels)
{
    return (struct proto_label_set_entry){
        .name = labels->name,
        .etag = labels->etag,
        .labels = labels->set.labels.count,
        .templates = labels->set.templates.count,
        .read_only = labels->read_only,
    };
}

void srv_label_set_write_entry(struct proto_writer *writer, const struct srv_stored_labels *labels)
{
    const struct proto_label_set_entry entry = entry_of(labels);
    proto_label_set_entry_write_members(writer, &entry);
}

/* GET /v1/label-sets: one line a set, by name. */
void srv_handle_list_label_sets(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    const struct srv_stored_labels *labels = srv_label_registry_first(handlers->label_sets);
    struct proto_writer writer;
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "label_sets");
    proto_writer_array_begin(&writer);
    for (; labels; labels = labels->next) {
        proto_writer_object_begin(&writer);
        srv_label_set_write_entry(&writer, labels);
        proto_writer_object_end(&writer);
    }
    proto_writer_array_end(&writer);
    proto_writer_object_end(&writer);
    srv_reply_json(request, 200, &writer);
}

/* GET /v1/label-sets/{name}: the whole set. */
void srv_handle_get_label_set(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    const struct srv_stored_labels *labels =
        srv_label_registry_find(handlers->label_sets, srv_request_path_parameter(request));
    const char *known = srv_request_header(request, "If-None-Match");
    struct proto_writer writer;
    if (!labels) {
        struct m2c_error err;
        (void)m2c_fail(&err, M2C_LABEL_SET_NOT_FOUND, "no label set is stored under this name");
        srv_request_fail(request, &err, -1);
        return;
    }
    (void)srv_request_add_header(request, "ETag", labels->etag);
    if (known && srv_etag_named(known, labels->etag, true)) {
        struct srv_response response = srv_response_new(304, NULL);
        srv_request_respond(request, &response);
        return;
    }
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    srv_label_set_write_entry(&writer, labels);
    proto_label_set_write_members(&writer, &labels->set);
    proto_writer_object_end(&writer);
    srv_reply_json(request, 200, &writer);
}
