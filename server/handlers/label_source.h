/* The texts of a request, in the form that the engine encodes: labels of the request, of a stored
 * set or of the model's set, with their templates and background; or texts to embed. Loop thread.
 */
#ifndef SRV_HANDLERS_LABEL_SOURCE_H
#define SRV_HANDLERS_LABEL_SOURCE_H

#include "m2clip.h"
#include "proto/options.h"
#include "server/handlers/label_registry.h"

/* Rows: the labels in order, then the background. */
struct srv_label_source {
    unsigned references;
    struct proto_label_list own;              /* taken from the options */
    struct proto_texts templates, background; /* likewise */
    struct proto_texts verbatim;              /* likewise: texts to embed */
    struct srv_stored_labels *stored;         /* held, where the request names one */
    bool pinnable; /* what the stored set's vectors are made of, and nothing else */
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

/* New source of labels, holding what it needs of the options (moved out of them); the caller holds
 * it. M2C_LABEL_SET_NOT_FOUND, field `label_set`; M2C_INVALID_REQUEST, field `labels`, where
 * neither request nor set name any. `registry` may be NULL: nothing is stored. */
M2C_MUST_USE enum m2c_status srv_label_source_new(const struct srv_label_registry *registry,
                                                  struct proto_options *options,
                                                  const struct m2c_set *set,
                                                  struct srv_label_source **out,
                                                  struct m2c_error *err);

/* The same of the options' `texts`, verbatim unless there are templates. */
M2C_MUST_USE enum m2c_status srv_label_source_new_texts(struct proto_options *options,
                                                        struct srv_label_source **out,
                                                        struct m2c_error *err);

struct srv_label_source *srv_label_source_ref(struct srv_label_source *source);
void srv_label_source_unref(struct srv_label_source *source); /* accepts NULL */

/* What the engine is asked for, but for whom: the source is held by the request until its release.
 * Vectors that are pinned with a stored set come with it. */
struct srv_label_request srv_label_source_request(struct srv_label_source *source,
                                                  const struct srv_served *served,
                                                  const struct m2c_set *set, bool truncate);

/* Pins what was encoded with the stored set that it belongs to, where there is one and room. */
void srv_label_source_keep(const struct srv_label_source *source,
                           const struct srv_label_registry *registry,
                           const struct srv_served *served, const struct m2c_set *set,
                           struct srv_label_matrix *matrix);

#endif
