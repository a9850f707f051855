/* PUT and DELETE of a label set: a request that wishes a change of the registry. Loop thread. */
#ifndef SRV_HANDLERS_LABEL_SET_CHANGE_H
#define SRV_HANDLERS_LABEL_SET_CHANGE_H

#include "server/handlers/label_registry.h"
#include "server/handlers/ongoing.h"
#include "server/http/request.h"

struct srv_label_set_change {
    struct srv_ongoing ongoing;
    struct srv_handlers *handlers;
    struct srv_request *request; /* NULL once it has ended */
    struct srv_label_change change;
    char name[PROTO_LABEL_SET_NAME_MAX + 1];
    char *if_match, *if_none_match;
    bool changing; /* the registry has the change */

    /* PUT */
    struct srv_body *body; /* held while it is read */
    bool reading;          /* a thread of libuv's pool reads it */
    uv_work_t read_work;
    struct m2c_error read_error;
    struct srv_stored_labels *labels;
    struct srv_label_job *job;
    char version[SRV_VECTOR_VERSION_BYTES]; /* of the vectors that it makes */
    struct srv_label_result result;
};

/* New, deferred and under way; NULL after the request has been answered: the name is none
 * (400, field `name`), or there is no memory. */
struct srv_label_set_change *srv_label_set_change_new(struct srv_request *request,
                                                      struct srv_handlers *handlers);

/* Hands the change to the registry: the request is answered from there, PUT with 201 or 200, DELETE
 * with 204. */
void srv_label_set_change_submit(struct srv_label_set_change *change);

/* Answers with an error. */
void srv_label_set_change_fail(struct srv_label_set_change *change, const struct m2c_error *err);

/* Frees it once its request has ended and nobody holds it. */
void srv_label_set_change_free_when_idle(struct srv_label_set_change *change);

/* handle_label_sets.c: the members of a set's entry. */
void srv_label_set_write_entry(struct proto_writer *writer, const struct srv_stored_labels *labels);

#endif
