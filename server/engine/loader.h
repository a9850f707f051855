/* Loads a model on a thread of its own, so that the loop answers meanwhile. */
#ifndef SRV_ENGINE_LOADER_H
#define SRV_ENGINE_LOADER_H

#include "m2clip.h"
#include "server/engine/mailbox.h"

struct srv_loader;

typedef enum m2c_status (*srv_load)(const struct m2c_model_options *options, struct m2c_model **out,
                                    struct m2c_error *err);

/* Called on the loop thread: the model (taken), or NULL and why. The loader may be freed in it. */
typedef void (*srv_loaded)(struct m2c_model *model, const struct m2c_error *err, void *argument);

/* Starts loading. New; srv_loader_free ends it. */
M2C_MUST_USE enum m2c_status srv_loader_new(struct srv_mailbox *mailbox, srv_load load,
                                            const struct m2c_model_options *options,
                                            srv_loaded loaded, void *argument,
                                            struct srv_loader **out, struct m2c_error *err);

/* Waits for the thread; a model that nobody has taken is freed and `loaded` is not called any more.
 * The mailbox must not deliver after. Accepts NULL, nulls the pointer. Loop thread. */
void srv_loader_free(struct srv_loader **loader);

#endif
