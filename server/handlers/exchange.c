#include "server/handlers/exchange.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fill_mask.h"
#include "runtime/clock.h"
#include "server/handlers/ongoing.h"
#include "server/handlers/storing.h"
#include "server/handlers/timeline.h"

static void unlink_exchange(struct srv_exchange *exchange)
{
    if (exchange->next)
        exchange->next->previous = exchange->previous;
    if (exchange->previous)
        exchange->previous->next = exchange->next;
    else
        exchange->handlers->exchanges = exchange->next;
}

/* Frees it once its request has ended and neither a thread nor the loop holds it any more. */
static void free_when_idle(struct srv_exchange *exchange)
{
    if (exchange->request || exchange->reading || exchange->deadline_open)
        return;
    unlink_exchange(exchange);
    proto_options_destroy(&exchange->options);
    for (size_t i = 0; exchange->items && i < exchange->videos.count; i++)
        srv_body_unref(exchange->items[i].video);
    proto_video_request_destroy(&exchange->videos);
    srv_label_source_unref(exchange->labels);
    m2c_label_list_destroy(&exchange->words);
    srv_body_unref(exchange->body);
    srv_served_unref(exchange->served, srv_engine_loop(exchange->handlers->engine));
    free(exchange->items);
    free(exchange);
}

static void on_deadline_closed(uv_handle_t *handle)
{
    struct srv_exchange *exchange = handle->data;
    exchange->deadline_open = false;
    free_when_idle(exchange);
}

static void release_item(struct srv_exchange_item *item)
{
    srv_mask_job_release(&item->masks);
    srv_video_seat_release(&item->seat);
}

/* The request has its answer, or nobody to answer. */
void srv_exchange_end(struct srv_exchange *exchange)
{
    exchange->request = NULL;
    for (size_t i = 0; exchange->items && i < exchange->videos.count; i++)
        release_item(&exchange->items[i]);
    srv_timeline_release(&exchange->timeline);
    srv_label_job_release(&exchange->label_job);
    if (exchange->deadline_open && !uv_is_closing((uv_handle_t *)&exchange->deadline))
        uv_close((uv_handle_t *)&exchange->deadline, on_deadline_closed);
    free_when_idle(exchange);
}

void srv_exchange_fail(struct srv_exchange *exchange, const struct m2c_error *err)
{
    struct srv_request *request = exchange->request;
    bool told = exchange->timeline && srv_timeline_fail(exchange->timeline, err);
    srv_exchange_note_ended_early(exchange);
    srv_exchange_end(exchange);
    if (!told)
        srv_request_fail(request, err, -1);
}

static void on_gone(void *argument)
{
    srv_exchange_note_ended_early(argument);
    srv_exchange_end(argument);
}

static void on_deadline(uv_timer_t *timer)
{
    struct srv_exchange *exchange = timer->data;
    struct m2c_error err;
    (void)m2c_fail(&err, M2C_DEADLINE, "%d ms have passed", exchange->options.timeout_ms);
    srv_exchange_fail(exchange, &err);
}

void srv_handlers_end_all(struct srv_handlers *handlers, const struct m2c_error *error)
{
    for (struct srv_exchange *exchange = handlers->exchanges, *next; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->request)
            srv_exchange_fail(exchange, error);
    }
    srv_ongoing_fail_all(handlers, error);
}

void srv_handlers_end_streams(struct srv_handlers *handlers, const struct m2c_error *error)
{
    for (struct srv_exchange *exchange = handlers->exchanges, *next; exchange; exchange = next) {
        next = exchange->next;
        if (exchange->request && exchange->timeline && srv_timeline_streams(exchange->timeline))
            srv_exchange_fail(exchange, error);
    }
}

static void job_ended(struct srv_exchange *exchange)
{
    struct m2c_error err;
    if (--exchange->pending > 0)
        return;
    if (!exchange->route->proceed) {
        srv_exchange_answer(exchange);
        srv_exchange_end(exchange);
    } else if (exchange->route->proceed(exchange, &err) != M2C_OK) {
        srv_exchange_fail(exchange, &err);
    }
}

/* The item has all it asked for, or has failed. */
static void item_ended(struct srv_exchange_item *item, const struct m2c_error *err)
{
    struct srv_exchange *exchange = item->exchange;
    item->pending = false;
    item->error = *err;
    if (err->status != M2C_OK && !exchange->videos.many)
        srv_exchange_fail(exchange, err);
    else
        job_ended(exchange);
}

static void on_masks_done(struct srv_mask_job *job, const struct m2c_error *err, void *argument)
{
    (void)job;
    item_ended(argument, err);
}

static enum m2c_status start_masks(struct srv_exchange_item *item, struct m2c_error *err)
{
    const struct srv_exchange *exchange = item->exchange;
    const struct srv_mask_request request = {
        .served = exchange->served,
        .set = exchange->set,
        .video = srv_video_seat_video(item->seat),
        .text = exchange->options.text,
        .truncate = exchange->options.truncate,
        .done = on_masks_done,
        .argument = item,
    };
    return srv_mask_job_start(exchange->handlers->engine, &request, &item->masks, err);
}

static void on_video_done(struct srv_video_seat *seat, const struct m2c_error *err, void *argument)
{
    struct srv_exchange_item *item = argument;
    struct m2c_error outcome = *err;
    (void)seat;
    if (outcome.status == M2C_OK && item->exchange->route->needs_cmlm) {
        outcome.status = start_masks(item, &outcome);
        if (outcome.status == M2C_OK)
            return;
    }
    item_ended(item, &outcome);
}

static void on_labels_done(struct srv_label_job *job, const struct m2c_error *err, void *argument)
{
    struct srv_exchange *exchange = argument;
    if (err->status != M2C_OK) {
        srv_exchange_fail(exchange, err);
        return;
    }
    srv_label_source_keep(exchange->labels, exchange->handlers->label_sets, exchange->served,
                          exchange->set, srv_label_job_result(job).matrix);
    job_ended(exchange);
}

static void release_body(void *owner)
{
    srv_body_unref(owner);
}

double srv_exchange_deadline_ms(const struct srv_exchange *exchange)
{
    return srv_request_complete_ms(exchange->request) + (double)exchange->options.timeout_ms;
}

struct srv_blob srv_exchange_take_video(struct srv_exchange_item *item)
{
    struct srv_blob blob = {.bytes = NULL};
    if (!item->video)
        return blob;
    blob.bytes = srv_body_data(item->video);
    blob.size = srv_body_size(item->video);
    blob.release = release_body;
    blob.owner = item->video;
    item->video = NULL;
    return blob;
}

static enum m2c_status start_video(struct srv_exchange *exchange, size_t index,
                                   struct m2c_error *err)
{
    struct proto_input *input = &exchange->videos.inputs[index];
    struct srv_exchange_item *item = &exchange->items[index];
    if (input->kind == PROTO_INPUT_NONE)
        return M2C_OK; /* texts alone */
    /* An id of another length names nothing that is kept. */
    if (input->kind == PROTO_INPUT_VIDEO_ID && strlen(input->video_id) == M2C_DIGEST_HEX_BYTES - 1)
        memcpy(item->content, input->video_id, M2C_DIGEST_HEX_BYTES);
    if (input->kind == PROTO_INPUT_URL)
        return m2c_fail_field(err, M2C_URL_FETCH_DISABLED, "url",
                              "this server does not fetch: send the video's bytes");
    struct srv_video_ask ask = {
        .run = {.served = exchange->served,
                .set = exchange->set,
                .sampling = exchange->sampling,
                .video = srv_exchange_take_video(item),
                /* A run that others may join lives as long as one of them waits. */
                .deadline_ms = exchange->no_store ? srv_exchange_deadline_ms(exchange) : 0.0},
        .scope = srv_video_scope(exchange->handlers, exchange->request),
        .content = item->content,
        .alone = exchange->no_store,
        .done = on_video_done,
        .argument = item,
    };
    exchange->pending++; /* the answer may come at once */
    item->pending = true;
    enum m2c_status status =
        srv_video_seat_take(exchange->handlers->engine, &ask, &item->seat, err);
    if (status != M2C_OK) {
        item->pending = false;
        exchange->pending--;
    }
    return status;
}

static enum m2c_status start_videos(struct srv_exchange *exchange, struct m2c_error *err)
{
    if (exchange->route->proceed)
        return M2C_OK;
    for (size_t i = 0; i < exchange->videos.count; i++) {
        struct srv_exchange_item *item = &exchange->items[i];
        item->error.status = start_video(exchange, i, &item->error);
        if (item->error.status != M2C_OK && !exchange->videos.many) {
            *err = item->error;
            return err->status;
        }
    }
    return M2C_OK;
}

/* May end at once, so `pending` already counts it. */
static enum m2c_status start_labels(struct srv_exchange *exchange, struct m2c_error *err)
{
    struct srv_label_request request = srv_label_source_request(
        exchange->labels, exchange->served, exchange->set, exchange->options.truncate);
    request.served = exchange->served;
    request.done = on_labels_done;
    request.argument = exchange;
    return srv_label_job_start(exchange->handlers->engine, &request, &exchange->label_job, err);
}

/* The words that masks are filled with; a text at fault is told before the video is looked at. */
static enum m2c_status find_words(struct srv_exchange *exchange, struct m2c_error *err)
{
    const struct m2c_model *model = srv_served_model(exchange->served);
    const struct proto_options *options = &exchange->options;
    struct m2c_masked_text masked;
    enum m2c_status status = m2c_fill_mask_check(exchange->set, err);
    if (status != M2C_OK)
        return status;
    status = m2c_masked_text_init(&masked, model, options->text, options->truncate, err);
    m2c_masked_text_destroy(&masked);
    return status == M2C_OK ? m2c_fill_mask_words(exchange->set, &exchange->words, err) : status;
}

/* The set that `model` names, and whether it can do what the route needs. */
static enum m2c_status find_set(struct srv_exchange *exchange, struct m2c_error *err)
{
    struct srv_served *served = srv_engine_served(exchange->handlers->engine);
    const struct proto_options *options = &exchange->options;
    if (!served)
        return m2c_fail(err, M2C_LOADING, "the model is not there yet");
    exchange->served = srv_served_ref(served);
    const struct m2c_model *model = srv_served_model(served);
    exchange->set = m2c_model_find_set(model, options->model);
    if (!exchange->set)
        return m2c_fail_field(err, M2C_MODEL_NOT_FOUND, "model", "no adapter set has this name");
    const struct m2c_set_info *info = m2c_set_info(exchange->set);
    if (!info->has_vc && exchange->route->needs_vc)
        return m2c_fail(err, M2C_NO_VC_HEAD, "the set %s serves zero-shot alone", info->name);
    if (!info->has_vc && options->classes)
        return m2c_fail_field(err, M2C_NO_VC_HEAD, "classes", "the set %s serves zero-shot alone",
                              info->name);
    return exchange->route->needs_cmlm ? find_words(exchange, err) : M2C_OK;
}

/* What the labels stand for in this request, if it needs any. */
static enum m2c_status find_labels(struct srv_exchange *exchange, struct m2c_error *err)
{
    const struct srv_video_route *route = exchange->route;
    bool has_texts = proto_options_has(&exchange->options, PROTO_TEXTS);
    bool needs_labels = route->needs_labels || has_texts;
    enum m2c_status status = route->check ? route->check(exchange, &needs_labels, err) : M2C_OK;
    if (status != M2C_OK || !needs_labels)
        return status;
    if (!m2c_model_tokenizer(srv_served_model(exchange->served)))
        return m2c_fail(err, M2C_NO_TOKENIZER, "the model folder holds no tokenizer");
    if (has_texts)
        return srv_label_source_new_texts(&exchange->options, &exchange->labels, err);
    return srv_label_source_new(exchange->handlers->label_sets, &exchange->options, exchange->set,
                                &exchange->labels, err);
}

static enum m2c_status prepare(struct srv_exchange *exchange, struct m2c_error *err)
{
    enum m2c_status status = proto_options_finish(&exchange->options, err);
    if (status == M2C_OK)
        status = find_set(exchange, err);
    if (status != M2C_OK)
        return status;
    struct m2c_sampling preferred = m2c_pipeline_default_sampling(exchange->set);
    status = proto_options_sampling(&exchange->options, &preferred, &exchange->sampling, err);
    return status == M2C_OK ? find_labels(exchange, err) : status;
}

/* What is left of timeout_ms, which counts from the last body byte. */
static enum m2c_status arm_deadline(struct srv_exchange *exchange, struct m2c_error *err)
{
    uv_loop_t *loop = srv_engine_loop(exchange->handlers->engine);
    double left_ms = srv_exchange_deadline_ms(exchange) - m2c_clock_ms();
    if (left_ms <= 0.0)
        return m2c_fail(err, M2C_DEADLINE, "%d ms have passed", exchange->options.timeout_ms);
    (void)uv_timer_init(loop, &exchange->deadline);
    exchange->deadline.data = exchange;
    exchange->deadline_open = true;
    uv_update_time(loop);
    (void)uv_timer_start(&exchange->deadline, on_deadline, (uint64_t)ceil(left_ms), 0);
    return M2C_OK;
}

void srv_exchange_run(struct srv_exchange *exchange, const struct m2c_error *read_error)
{
    struct m2c_error err = *read_error;
    if (!exchange->request) {
        free_when_idle(exchange);
        return;
    }
    if (err.status == M2C_OK)
        err.status = prepare(exchange, &err);
    if (err.status == M2C_OK)
        err.status = srv_admit_exchange(exchange, &err);
    if (err.status == M2C_OK)
        err.status = arm_deadline(exchange, &err);
    /* One for ourselves, so that nothing is answered before everything is submitted. */
    exchange->pending = exchange->labels ? 2 : 1;
    if (err.status == M2C_OK)
        err.status = start_videos(exchange, &err);
    if (err.status == M2C_OK && exchange->labels)
        err.status = start_labels(exchange, &err);
    if (err.status != M2C_OK)
        srv_exchange_fail(exchange, &err);
    else
        job_ended(exchange);
}

void srv_exchange_begin(struct srv_request *request, struct srv_handlers *handlers,
                        const struct srv_video_route *route)
{
    struct srv_exchange *exchange = calloc(1, sizeof *exchange);
    if (!exchange) {
        struct m2c_error err;
        (void)m2c_fail_memory(&err, "a request", sizeof *exchange);
        srv_request_fail(request, &err, -1);
        return;
    }
    exchange->handlers = handlers;
    exchange->request = request;
    exchange->route = route;
    exchange->no_store = srv_forbids_storing(request);
    exchange->next = handlers->exchanges;
    if (exchange->next)
        exchange->next->previous = exchange;
    handlers->exchanges = exchange;
    const struct proto_limits limits = srv_config_request_limits(handlers->config);
    proto_options_init(&exchange->options, route->route, &limits);
    srv_request_defer(request, on_gone, exchange);
    srv_exchange_read(exchange);
}
