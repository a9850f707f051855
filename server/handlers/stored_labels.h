/* One stored label set: immutable but for the vectors that are pinned with it. Counted by holders.
 * Loop thread, save srv_stored_labels_new. */
#ifndef SRV_HANDLERS_STORED_LABELS_H
#define SRV_HANDLERS_STORED_LABELS_H

#include "proto/label_set.h"
#include "server/engine/label_job.h"
#include "server/engine/vector_version.h"

enum { SRV_ETAG_BYTES = 36, SRV_MAX_PINS = 8 };

/* Vectors of the set's labels under its own templates, by one set of the model. */
struct srv_pin {
    char version[SRV_VECTOR_VERSION_BYTES];
    struct srv_label_matrix *matrix;
};

struct srv_stored_labels {
    unsigned holders;
    struct srv_stored_labels *next; /* of the registry, by name */
    char name[PROTO_LABEL_SET_NAME_MAX + 1];
    char etag[SRV_ETAG_BYTES]; /* quoted */
    bool read_only;
    struct proto_label_set set;
    char *text; /* its canonical JSON */
    size_t text_size;
    const char **names, **ids;    /* [label_count]; ids may be NULL */
    struct srv_label_text *texts; /* [text_count] */
    size_t text_count;
    struct srv_pin pins[SRV_MAX_PINS]; /* newest first */
};

/* New, held once, from JSON of at most `max_bytes`. Errors as proto_json_parse and
 * proto_label_set_read. Any thread. */
M2C_MUST_USE enum m2c_status srv_stored_labels_new(const char *name, const char *json, size_t size,
                                                   size_t max_bytes,
                                                   const struct proto_limits *limits,
                                                   struct srv_stored_labels **out,
                                                   struct m2c_error *err);
struct srv_stored_labels *srv_stored_labels_ref(struct srv_stored_labels *labels);
void srv_stored_labels_unref(struct srv_stored_labels *labels); /* accepts NULL */

/* The pinned matrix of a version, borrowed, or NULL. */
struct srv_label_matrix *srv_stored_labels_pinned(const struct srv_stored_labels *labels,
                                                  const char *version);

/* Pins a matrix, in place of the oldest where there are SRV_MAX_PINS; what is pinned stays. */
void srv_stored_labels_pin(struct srv_stored_labels *labels, const char *version,
                           struct srv_label_matrix *matrix);

/* Lets go of the pins of versions that `is_used` does not know. */
void srv_stored_labels_unpin_unused(struct srv_stored_labels *labels,
                                    bool (*is_used)(const char *version, const void *argument),
                                    const void *argument);

/* Bytes of all pins. */
size_t srv_stored_labels_pinned_bytes(const struct srv_stored_labels *labels);

#endif
