#include "server/handlers/label_set_change.h"

/* ---- encoding: a set is stored with its vectors, or not at all ---- */

static void on_encoded(struct srv_label_job *job, const struct m2c_error *err, void *argument)
{
    struct srv_label_set_change *change = argument;
    if (err->status != M2C_OK) {
        srv_label_set_change_fail(change, err);
        return;
    }
    change->result = srv_label_job_result(job);
    srv_stored_labels_pin(change->labels, change->version, change->result.matrix);
    srv_label_set_change_submit(change);
}

static void release_labels(void *owner)
{
    srv_stored_labels_unref(owner);
}

static enum m2c_status encode(struct srv_label_set_change *change, struct m2c_error *err)
{
    struct srv_served *served = srv_engine_served(change->handlers->engine);
    if (!served)
        return m2c_fail(err, M2C_LOADING, "the model is not there yet");
    const struct m2c_model *model = srv_served_model(served);
    const struct m2c_set *set = m2c_model_find_set(model, NULL);
    const struct m2c_preprocess *preprocess = m2c_set_info(set)->preprocess;
    const struct proto_texts *templates = &change->labels->set.templates;
    if (!m2c_model_tokenizer(model))
        return m2c_fail(err, M2C_NO_TOKENIZER, "the model folder holds no tokenizer");
    srv_vector_version(model, set, change->version);
    const struct srv_label_request request = {
        .served = served,
        .set = set,
        .templates = templates->count > 0 ? (const char *const *)templates->items
                                          : (const char *const *)preprocess->templates.texts,
        .template_count = templates->count > 0 ? templates->count : preprocess->templates.count,
        .texts = change->labels->texts,
        .text_count = change->labels->text_count,
        .row_count = change->labels->set.labels.count,
        .release = release_labels,
        .owner = srv_stored_labels_ref(change->labels),
        .done = on_encoded,
        .argument = change,
    };
    return srv_label_job_start(change->handlers->engine, &request, &change->job, err);
}

/* Before anything is encoded: whether the change would be refused anyway. */
static enum m2c_status judge(const struct srv_label_set_change *change, struct m2c_error *err)
{
    const struct srv_label_change wish = {.name = change->name,
                                          .labels = change->labels,
                                          .if_match = change->if_match,
                                          .if_none_match = change->if_none_match};
    return srv_label_registry_judge(change->handlers->label_sets, &wish, err);
}

/* ---- reading, off the loop ---- */

static void read_body(uv_work_t *work)
{
    struct srv_label_set_change *change = work->data;
    const struct srv_config *config = change->handlers->config;
    const struct proto_limits limits = srv_config_request_limits(config);
    change->read_error.status = srv_stored_labels_new(
        change->name, (const char *)srv_body_data(change->body), srv_body_size(change->body),
        (size_t)config->max_label_set_bytes, &limits, &change->labels, &change->read_error);
}

static void after_read(uv_work_t *work, int cancelled)
{
    struct srv_label_set_change *change = work->data;
    struct m2c_error err = change->read_error;
    change->reading = false;
    if (!change->request) {
        srv_label_set_change_free_when_idle(change);
        return;
    }
    if (cancelled)
        (void)m2c_fail(&err, M2C_CANCELLED, "the body was not read");
    if (err.status == M2C_OK)
        err.status = judge(change, &err);
    if (err.status == M2C_OK)
        err.status = encode(change, &err);
    if (err.status != M2C_OK)
        srv_label_set_change_fail(change, &err);
}

/* PUT /v1/label-sets/{name} */
void srv_handle_put_label_set(struct srv_request *request, void *context)
{
    struct srv_handlers *handlers = context;
    struct srv_label_set_change *change = srv_label_set_change_new(request, handlers);
    if (!change)
        return;
    change->body = srv_body_ref(srv_request_body(request));
    change->read_work.data = change;
    change->reading = uv_queue_work(srv_engine_loop(handlers->engine), &change->read_work,
                                    read_body, after_read) == 0;
    if (!change->reading) {
        struct m2c_error err;
        (void)m2c_fail(&err, M2C_INTERNAL, "the body cannot be read");
        srv_label_set_change_fail(change, &err);
    }
}

/* DELETE /v1/label-sets/{name} */
void srv_handle_delete_label_set(struct srv_request *request, void *context)
{
    struct srv_label_set_change *change = srv_label_set_change_new(request, context);
    if (change)
        srv_label_set_change_submit(change);
}
