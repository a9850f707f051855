/* Keeps the label cache in a folder over restarts: read at the start, written now and then by a
 * thread of its own, and at the end. Loop thread. */
#ifndef SRV_ENGINE_LABEL_STORE_H
#define SRV_ENGINE_LABEL_STORE_H

#include <uv.h>

#include "server/engine/label_cache.h"
#include "server/engine/mailbox.h"

struct srv_label_store;

struct srv_label_store_options {
    uv_loop_t *loop;
    struct srv_mailbox *mailbox;
    struct srv_label_cache *cache; /* must outlive the store */
    const char *dir;               /* made where its parent exists */
    size_t max_bytes;              /* of the file that is read */
    unsigned period_ms;            /* between two writings of what has changed */

    /* A file that is ignored, or could not be written: worth a line of the log. */
    void (*on_trouble)(const struct m2c_error *err, void *context);
    void *context;
};

/* Fills the cache from the folder's file. New; srv_label_store_free ends it. */
M2C_MUST_USE enum m2c_status srv_label_store_new(const struct srv_label_store_options *options,
                                                 struct srv_label_store **out,
                                                 struct m2c_error *err);

/* Starts writing the file, where the cache has changed since and no writing is under way. */
void srv_label_store_save(struct srv_label_store *store);

/* Times the file was written whole. */
unsigned long long srv_label_store_saves(const struct srv_label_store *store);

/* Waits for a writing that is under way, writes what has changed since, and closes its timer.
 * Accepts NULL, nulls the pointer. The mailbox must be delivered once more after. */
void srv_label_store_free(struct srv_label_store **store);

#endif
