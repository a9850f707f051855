/* Handlers: where HTTP and the engine meet. One small file a route: read (proto) -> submit (engine)
 * -> answer (proto). Loop thread. */
#ifndef SRV_HANDLERS_HANDLERS_H
#define SRV_HANDLERS_HANDLERS_H

#include <stdbool.h>

#include "server/config.h"
#include "server/engine/engine.h"
#include "server/http/router.h"
#include "status.h"

struct srv_clients;
struct srv_exchange;
struct srv_label_registry;
struct srv_ongoing;
struct srv_storage;
struct srv_http;
struct srv_metrics;

/* What every handler is handed as its context. */
struct srv_handlers {
    const struct srv_config *config;
    struct srv_engine *engine;
    struct srv_storage *storage; /* of bodies; held by the server */
    struct srv_clients *clients;
    struct srv_metrics *metrics;
    const struct srv_http *http, *probe; /* listeners; NULL where there is none */
    struct srv_log *log;
    bool draining;
    struct srv_exchange *exchanges; /* video requests under way */
    struct srv_ongoing *ongoing;    /* others under way */
    struct srv_label_registry *label_sets;
};

/* The table of all routes, with this room's handlers. Static storage. */
struct srv_router srv_handlers_router(void);

/* Ends every timeline that goes out as a stream with `error`. */
void srv_handlers_end_streams(struct srv_handlers *handlers, const struct m2c_error *error);

/* Answers every request under way with `error`. */
void srv_handlers_end_all(struct srv_handlers *handlers, const struct m2c_error *error);

/* The handlers. */
void srv_handle_classify(struct srv_request *request, void *context);
void srv_handle_zeroshot(struct srv_request *request, void *context);
void srv_handle_timeline(struct srv_request *request, void *context);
void srv_handle_embed(struct srv_request *request, void *context);
void srv_handle_fill_mask(struct srv_request *request, void *context);
void srv_handle_list_label_sets(struct srv_request *request, void *context);
void srv_handle_get_label_set(struct srv_request *request, void *context);
void srv_handle_put_label_set(struct srv_request *request, void *context);
void srv_handle_delete_label_set(struct srv_request *request, void *context);
void srv_handle_get_video(struct srv_request *request, void *context);
void srv_handle_delete_video(struct srv_request *request, void *context);
void srv_handle_reload(struct srv_request *request, void *context);
void srv_handle_healthz(struct srv_request *request, void *context);
void srv_handle_readyz(struct srv_request *request, void *context);
void srv_handle_models(struct srv_request *request, void *context);
void srv_handle_openapi(struct srv_request *request, void *context);
void srv_handle_metrics(struct srv_request *request, void *context);

/* Admission of work, by what the headers let expect of it: refuses while loading, while draining,
 * when the queue is full, and what is more than the client's share. */
enum m2c_status srv_admit_work(struct srv_request *request, void *context, struct m2c_error *err);

#endif
