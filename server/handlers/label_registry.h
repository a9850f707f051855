/* All stored label sets: those that clients put (and, with a folder, keep over restarts), and those
 * of a folder that nobody changes, which hide others of their name.
 *
 * Changes happen one after the other, each judged, written and then seen. Loop thread.
 */
#ifndef SRV_HANDLERS_LABEL_REGISTRY_H
#define SRV_HANDLERS_LABEL_REGISTRY_H

#include <uv.h>

#include "server/handlers/stored_labels.h"

struct srv_label_registry;

struct srv_label_registry_options {
    uv_loop_t *loop;
    const char *store_dir;     /* that changes are written to; NULL: memory alone */
    const char *read_only_dir; /* or NULL */
    struct proto_limits limits;
    size_t max_json_bytes;
    size_t max_pinned_bytes; /* of the vectors of all sets */

    /* A file that is ignored; may be NULL. */
    void (*on_trouble)(const struct m2c_error *err, void *context);
    void *context;
};

/* New, with what the folders hold; srv_label_registry_free ends it, once the loop has ended. */
M2C_MUST_USE enum m2c_status
srv_label_registry_new(const struct srv_label_registry_options *options,
                       struct srv_label_registry **out, struct m2c_error *err);
void srv_label_registry_free(struct srv_label_registry **registry); /* accepts NULL, nulls */

/* The set of a name, borrowed, or NULL; the first of all, by name. */
struct srv_stored_labels *srv_label_registry_find(const struct srv_label_registry *registry,
                                                  const char *name);
const struct srv_stored_labels *srv_label_registry_first(const struct srv_label_registry *registry);

/* Reads the read-only folder anew, off the loop: at a reload. A set that has not changed keeps its
 * vectors. */
void srv_label_registry_refresh(struct srv_label_registry *registry);

/* Whether so many bytes of vectors may be pinned beside the others, those of `instead` (or NULL)
 * not counted. */
bool srv_label_registry_has_room(const struct srv_label_registry *registry, size_t bytes,
                                 const struct srv_stored_labels *instead);

/* Lets go of the vectors of models that are not served any more. */
void srv_label_registry_unpin_unused(struct srv_label_registry *registry,
                                     bool (*is_used)(const char *version, const void *argument),
                                     const void *argument);

/* A change that somebody wishes; embedded in who wishes, and his until `done`. */
struct srv_label_change {
    const char *name;
    struct srv_stored_labels *labels; /* the new set (the registry takes a hold of its own); NULL:
                                         remove */
    const char *if_match, *if_none_match; /* field values, or NULL */

    /* err->status: the outcome; `created` tells that there was none before. M2C_READ_ONLY,
     * M2C_ETAG_MISMATCH, M2C_LABEL_SET_NOT_FOUND (nothing to remove), M2C_TOO_LARGE (too many
     * sets, or too many vectors), M2C_STORAGE. From the loop, also from within
     * srv_label_registry_change. */
    void (*done)(struct srv_label_change *change, const struct m2c_error *err);
    bool created;

    /* The registry's own. */
    struct srv_label_change *next;
    struct m2c_error err;
};

void srv_label_registry_change(struct srv_label_registry *registry,
                               struct srv_label_change *change);

/* Whether a change would be refused as things stand: what spares encoding in vain. */
M2C_MUST_USE enum m2c_status srv_label_registry_judge(const struct srv_label_registry *registry,
                                                      const struct srv_label_change *change,
                                                      struct m2c_error *err);

#endif
