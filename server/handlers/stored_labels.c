#include "server/handlers/stored_labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/digest.h"
#include "proto/json_body.h"

struct srv_stored_labels *srv_stored_labels_ref(struct srv_stored_labels *labels)
{
    labels->holders++;
    return labels;
}

static void stored_free(struct srv_stored_labels *labels)
{
    for (size_t i = 0; i < SRV_MAX_PINS; i++)
        srv_label_matrix_unref(labels->pins[i].matrix);
    proto_label_set_destroy(&labels->set);
    free(labels->text);
    free(labels->names);
    free(labels->ids);
    free(labels->texts);
    free(labels);
}

void srv_stored_labels_unref(struct srv_stored_labels *labels)
{
    if (labels && --labels->holders == 0)
        stored_free(labels);
}

static enum m2c_status list_labels(struct srv_stored_labels *labels, struct m2c_error *err)
{
    const struct proto_label_list *list = &labels->set.labels;
    size_t texts = 0, at = 0;
    for (size_t i = 0; i < list->count; i++)
        texts += list->items[i].texts.count;
    labels->names = calloc(list->count, sizeof *labels->names);
    labels->ids = calloc(list->count, sizeof *labels->ids);
    labels->texts = calloc(texts, sizeof *labels->texts);
    if (!labels->names || !labels->ids || !labels->texts)
        return m2c_fail_memory(err, "a label set", texts * sizeof *labels->texts);
    for (size_t i = 0; i < list->count; i++) {
        const struct proto_label *label = &list->items[i];
        labels->names[i] = label->name;
        labels->ids[i] = label->id;
        for (size_t t = 0; t < label->texts.count; t++)
            labels->texts[at++] = (struct srv_label_text){label->texts.items[t], i, "labels", i};
    }
    labels->text_count = at;
    return M2C_OK;
}

/* The canonical text, and the tag that it makes. */
static enum m2c_status describe(struct srv_stored_labels *labels, struct m2c_error *err)
{
    struct proto_writer writer;
    unsigned char digest[M2C_DIGEST_BYTES];
    char hex[M2C_DIGEST_HEX_BYTES];
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_label_set_write_members(&writer, &labels->set);
    proto_writer_object_end(&writer);
    enum m2c_status status = proto_writer_take(&writer, &labels->text, &labels->text_size, err);
    proto_writer_destroy(&writer);
    if (status == M2C_OK)
        status = m2c_digest_bytes(labels->text, labels->text_size, digest, err);
    if (status != M2C_OK)
        return status;
    m2c_digest_hex(digest, hex);
    (void)snprintf(labels->etag, sizeof labels->etag, "\"%.32s\"", hex);
    return M2C_OK;
}

enum m2c_status srv_stored_labels_new(const char *name, const char *json, size_t size,
                                      size_t max_bytes, const struct proto_limits *limits,
                                      struct srv_stored_labels **out, struct m2c_error *err)
{
    json_t *body = NULL;
    struct srv_stored_labels *labels = calloc(1, sizeof *labels);
    *out = NULL;
    if (!labels)
        return m2c_fail_memory(err, "a label set", sizeof *labels);
    labels->holders = 1;
    (void)snprintf(labels->name, sizeof labels->name, "%s", name);
    enum m2c_status status = proto_json_parse(json, size, max_bytes, &body, err);
    if (status == M2C_OK)
        status = proto_label_set_read(body, limits, &labels->set, err);
    json_decref(body);
    if (status == M2C_OK)
        status = list_labels(labels, err);
    if (status == M2C_OK)
        status = describe(labels, err);
    if (status == M2C_OK)
        *out = labels;
    else
        stored_free(labels);
    return status;
}

struct srv_label_matrix *srv_stored_labels_pinned(const struct srv_stored_labels *labels,
                                                  const char *version)
{
    for (size_t i = 0; i < SRV_MAX_PINS; i++)
        if (labels->pins[i].matrix && strcmp(labels->pins[i].version, version) == 0)
            return labels->pins[i].matrix;
    return NULL;
}

void srv_stored_labels_pin(struct srv_stored_labels *labels, const char *version,
                           struct srv_label_matrix *matrix)
{
    struct srv_pin *pins = labels->pins;
    if (srv_stored_labels_pinned(labels, version))
        return;
    srv_label_matrix_unref(pins[SRV_MAX_PINS - 1].matrix);
    memmove(pins + 1, pins, (SRV_MAX_PINS - 1) * sizeof *pins);
    pins[0] = (struct srv_pin){.matrix = srv_label_matrix_ref(matrix)};
    (void)snprintf(pins[0].version, sizeof pins[0].version, "%s", version);
}

void srv_stored_labels_unpin_unused(struct srv_stored_labels *labels,
                                    bool (*is_used)(const char *version, const void *argument),
                                    const void *argument)
{
    size_t kept = 0;
    struct srv_pin pins[SRV_MAX_PINS] = {{.matrix = NULL}};
    for (size_t i = 0; i < SRV_MAX_PINS && labels->pins[i].matrix; i++) {
        if (is_used(labels->pins[i].version, argument))
            pins[kept++] = labels->pins[i];
        else
            srv_label_matrix_unref(labels->pins[i].matrix);
    }
    memcpy(labels->pins, pins, sizeof pins);
}

size_t srv_stored_labels_pinned_bytes(const struct srv_stored_labels *labels)
{
    size_t bytes = 0;
    for (size_t i = 0; i < SRV_MAX_PINS && labels->pins[i].matrix; i++)
        bytes += srv_label_matrix_bytes(labels->pins[i].matrix);
    return bytes;
}
