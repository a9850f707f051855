/* The labels of a zero-shot request: the request's own or the set's, with their texts, templates
 * and background, in the form that the engine encodes. Loop thread. */
#ifndef SRV_HANDLERS_LABEL_SOURCE_H
#define SRV_HANDLERS_LABEL_SOURCE_H

#include "m2clip.h"
#include "proto/options.h"
#include "server/engine/label_job.h"

/* Rows: the labels in order, then the background. */
struct srv_label_source {
    unsigned references;
    struct proto_label_list own;              /* taken from the options */
    struct proto_texts templates, background; /* likewise */
    const struct m2c_label_list *set_labels;  /* where the request names none */
    const char *const *template_items;
    size_t template_count;
    const char *const *background_items;
    const char *const *names; /* [label_count]: what answers show */
    const char *const *ids;   /* [label_count], the client's own, each may be NULL; or NULL */
    const char **own_names;   /* [2, label_count]: names and ids of `own` */
    size_t label_count, background_count;
    struct srv_label_text *texts;
    size_t text_count;
};

/* New source, holding what it needs of the options (moved out of them); the caller holds it.
 * M2C_INVALID_REQUEST, field `labels`, where neither request nor set name any. */
M2C_MUST_USE enum m2c_status srv_label_source_new(struct proto_options *options,
                                                  const struct m2c_set *set,
                                                  struct srv_label_source **out,
                                                  struct m2c_error *err);
struct srv_label_source *srv_label_source_ref(struct srv_label_source *source);
void srv_label_source_unref(struct srv_label_source *source); /* accepts NULL */

#endif
