/* Loads a model and makes its encoders on a thread of its own, so that the loop answers meanwhile.
 */
#ifndef SRV_ENGINE_LOADER_H
#define SRV_ENGINE_LOADER_H

#include "m2clip.h"
#include "server/engine/mailbox.h"
#include "server/engine/served.h"

struct srv_loader;

typedef enum m2c_status (*srv_load)(const struct m2c_model_options *options, struct m2c_model **out,
                                    struct m2c_error *err);

/* Called on the loop thread: the model (its hold taken), or NULL and why. The loader may be freed
 * in it. */
typedef void (*srv_loaded)(struct srv_served *served, const struct m2c_error *err, void *argument);

struct srv_loading {
    srv_load load;
    struct m2c_model_options options;
    struct m2c_team *const *teams; /* [workers], borrowed */
    int workers;
    srv_loaded loaded;
    void *argument;
};

/* Starts loading; what `loading` borrows must live until the loader is freed. New; srv_loader_free
 * ends it. */
M2C_MUST_USE enum m2c_status srv_loader_new(struct srv_mailbox *mailbox,
                                            const struct srv_loading *loading,
                                            struct srv_loader **out, struct m2c_error *err);

/* Waits for the thread. Before the delivery this gives up: `loaded` is not called any more, and the
 * mailbox's next delivery frees the model. Accepts NULL, nulls the pointer. Loop thread. */
void srv_loader_free(struct srv_loader **loader);

#endif
