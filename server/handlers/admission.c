#include "server/handlers/handlers.h"
#include "server/http/request.h"

enum { MIN_RETRY_MS = 1000, MAX_RETRY_MS = 30000 };

/* When the present queue will have been worked off, within reason. */
static long long retry_after_ms(const struct srv_engine *engine)
{
    double wait_ms = srv_engine_job_ms(engine) * (double)srv_engine_jobs(engine);
    if (wait_ms < MIN_RETRY_MS)
        return MIN_RETRY_MS;
    return wait_ms > MAX_RETRY_MS ? MAX_RETRY_MS : (long long)wait_ms;
}

enum m2c_status srv_admit_work(struct srv_request *request, void *context, struct m2c_error *err)
{
    const struct srv_handlers *handlers = context;
    struct srv_record *record = srv_request_record(request);
    if (handlers->draining) {
        record->retry_after_ms = MIN_RETRY_MS;
        return m2c_fail(err, M2C_DRAINING, "accepted work is being finished");
    }
    if (!srv_engine_served(handlers->engine)) {
        record->retry_after_ms = MIN_RETRY_MS;
        return m2c_fail(err, M2C_LOADING, "the model is not there yet");
    }
    if (srv_engine_jobs(handlers->engine) >= (size_t)handlers->config->max_queue) {
        record->retry_after_ms = retry_after_ms(handlers->engine);
        return m2c_fail(err, M2C_QUEUE_FULL, "%zu jobs are under way",
                        srv_engine_jobs(handlers->engine));
    }
    return M2C_OK;
}
