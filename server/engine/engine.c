#include "server/engine/engine.h"

#include <stdlib.h>

#include "server/container.h"
#include "server/engine/engine_internal.h"

static enum m2c_status make_ready(struct srv_engine *engine, struct m2c_error *err)
{
    const struct srv_engine_options *options = &engine->options;
    struct srv_scheduler_options scheduler = {.model = engine->model, .threads = options->threads};
    size_t dim = (size_t)m2c_model_config(engine->model)->embed_dim;
    enum m2c_status status =
        srv_label_cache_new(options->label_cache_bytes, dim, &engine->labels, err);
    if (status == M2C_OK)
        status = srv_decoder_pool_new(&engine->mailbox, options->decoders, &engine->decoders, err);
    if (status == M2C_OK)
        status = srv_scheduler_new(&engine->mailbox, &scheduler, &engine->scheduler, err);
    return status;
}

static void on_loaded(struct m2c_model *model, const struct m2c_error *err, void *argument)
{
    struct srv_engine *engine = argument;
    struct m2c_error failure = *err;
    srv_loader_free(&engine->loader);
    engine->model = model;
    if (model)
        failure.status = make_ready(engine, &failure);
    if (failure.status != M2C_OK) {
        engine->options.on_failed(&failure, engine->options.context);
        return;
    }
    engine->loaded_at = time(NULL);
    engine->options.on_ready(engine->options.context);
}

enum m2c_status srv_engine_start(uv_loop_t *loop, const struct srv_engine_options *options,
                                 struct srv_engine **out, struct m2c_error *err)
{
    struct srv_engine *engine = calloc(1, sizeof *engine);
    if (!engine)
        return m2c_fail_memory(err, "the engine", sizeof *engine);
    engine->loop = loop;
    engine->options = *options;
    engine->waiting_tail = &engine->waiting;
    enum m2c_status status = srv_mailbox_open(&engine->mailbox, loop, err);
    if (status != M2C_OK) {
        free(engine);
        return status;
    }
    *out = engine;
    status = srv_loader_new(&engine->mailbox, options->load ? options->load : m2c_model_load,
                            &options->model, on_loaded, engine, &engine->loader, err);
    if (status != M2C_OK) {
        srv_engine_stop(engine, NULL, NULL);
        *out = NULL;
    }
    return status;
}

uv_loop_t *srv_engine_loop(const struct srv_engine *engine)
{
    return engine->loop;
}

const struct m2c_model *srv_engine_model(const struct srv_engine *engine)
{
    return engine->scheduler ? engine->model : NULL;
}

time_t srv_engine_loaded_at(const struct srv_engine *engine)
{
    return engine->loaded_at;
}

size_t srv_engine_jobs(const struct srv_engine *engine)
{
    return engine->jobs;
}

double srv_engine_job_ms(const struct srv_engine *engine)
{
    return engine->job_ms;
}

struct srv_label_cache_counts srv_engine_label_counts(const struct srv_engine *engine)
{
    return engine->labels ? srv_label_cache_counts(engine->labels)
                          : (struct srv_label_cache_counts){0};
}

static void on_mailbox_closed(uv_handle_t *handle)
{
    struct srv_mailbox *box = handle->data;
    struct srv_engine *engine = SRV_CONTAINER(box, struct srv_engine, mailbox);
    void (*on_closed)(void *argument) = engine->on_closed;
    void *argument = engine->on_closed_argument;
    free(engine);
    if (on_closed)
        on_closed(argument);
}

void srv_engine_stop(struct srv_engine *engine, void (*on_closed)(void *argument), void *argument)
{
    engine->on_closed = on_closed;
    engine->on_closed_argument = argument;
    srv_loader_free(&engine->loader);
    /* Decoders first: what they hand over is encoded, or rather dropped, by the scheduler. */
    srv_decoder_pool_free(&engine->decoders);
    if (engine->scheduler)
        srv_mailbox_deliver(&engine->mailbox);
    srv_scheduler_free(&engine->scheduler);
    if (engine->model)
        srv_mailbox_deliver(&engine->mailbox);
    srv_label_cache_free(&engine->labels);
    m2c_model_free(&engine->model);
    srv_mailbox_close(&engine->mailbox, on_mailbox_closed);
}
