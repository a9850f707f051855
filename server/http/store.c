/* Writing a block of a long body off the loop. */
#include <stdlib.h>

#include "server/http/http_internal.h"

struct srv_store {
    uv_work_t work;
    struct srv_request *request; /* NULL once it is over */
    struct srv_body *body;       /* held */
    struct m2c_error err;
};

static void write_block(uv_work_t *work)
{
    struct srv_store *store = work->data;
    store->err.status = srv_body_store(store->body, &store->err);
}

/* The connection is still suspended, so that a failure may write to it by hand. */
static void settle(struct srv_request *request, const struct m2c_error *err)
{
    srv_peer_unrest(request->peer);
    if (err->status != M2C_OK && request->phase == SRV_REQUEST_BODY)
        (void)srv_access_give_up_body(request, err);
    srv_request_resume(request);
}

static void after_write(uv_work_t *work, int cancelled)
{
    struct srv_store *store = work->data;
    struct srv_request *request = store->request;
    if (cancelled)
        (void)m2c_fail(&store->err, M2C_CANCELLED, "the body was not stored");
    if (request) {
        request->store = NULL;
        settle(request, &store->err);
    }
    srv_body_unref(store->body);
    free(store);
}

/* Without memory for doing better the loop waits for the disk itself. */
static void write_on_loop(struct srv_request *request)
{
    struct m2c_error err = {.status = M2C_OK};
    err.status = srv_body_store(request->upload.body, &err);
    settle(request, &err);
}

void srv_store_begin(struct srv_request *request)
{
    struct srv_store *store = calloc(1, sizeof *store);
    srv_request_suspend(request);
    srv_peer_rest(request->peer);
    if (!store) {
        write_on_loop(request);
        return;
    }
    store->work.data = store;
    store->request = request;
    store->body = srv_body_ref(request->upload.body);
    request->store = store;
    if (uv_queue_work(request->http->loop, &store->work, write_block, after_write) == 0)
        return;
    request->store = NULL;
    srv_body_unref(store->body);
    free(store);
    write_on_loop(request);
}

void srv_store_abandon(struct srv_request *request)
{
    if (request->store)
        request->store->request = NULL;
    request->store = NULL;
}
