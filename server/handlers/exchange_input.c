/* From one of three body forms to options and videos. */
#include <stdlib.h>
#include <string.h>

#include "proto/json_body.h"
#include "server/handlers/exchange.h"
#include "server/handlers/json_videos.h"
#include "server/limits.h"

/* Room for one video in `videos`, so that the three forms look alike from here on. */
static enum m2c_status make_single(struct srv_exchange *exchange, struct m2c_error *err)
{
    exchange->videos.inputs = calloc(1, sizeof *exchange->videos.inputs);
    if (!exchange->videos.inputs)
        return m2c_fail_memory(err, "an input", sizeof *exchange->videos.inputs);
    exchange->videos.count = 1;
    return M2C_OK;
}

static enum m2c_status make_items(struct srv_exchange *exchange, struct m2c_error *err)
{
    exchange->items = calloc(exchange->videos.count, sizeof *exchange->items);
    if (!exchange->items)
        return m2c_fail_memory(err, "inputs", exchange->videos.count * sizeof *exchange->items);
    for (size_t i = 0; i < exchange->videos.count; i++)
        exchange->items[i].exchange = exchange;
    return M2C_OK;
}

/* The one video of a request that brings it as a body of its own. */
static enum m2c_status set_single(struct srv_exchange *exchange, struct srv_body *body,
                                  struct m2c_error *err)
{
    exchange->items[0].video = srv_body_ref(body);
    exchange->videos.inputs[0].kind = PROTO_INPUT_BYTES;
    return srv_body_hash(body, exchange->items[0].content, err);
}

static enum m2c_status read_raw(struct srv_exchange *exchange, struct m2c_error *err)
{
    struct srv_body *body = srv_request_body(exchange->request);
    enum m2c_status status = make_single(exchange, err);
    if (status == M2C_OK)
        status = make_items(exchange, err);
    if (status != M2C_OK)
        return status;
    return body ? set_single(exchange, body, err)
                : proto_video_request_absent(&exchange->options, err);
}

static enum m2c_status read_fields(struct srv_exchange *exchange, struct m2c_error *err)
{
    const struct srv_form *form = srv_request_form(exchange->request);
    enum m2c_status status = M2C_OK;
    for (size_t i = 0; i < form->count && status == M2C_OK; i++) {
        const struct srv_field *field = &form->fields[i];
        const char *value = field->value ? field->value : "";
        if (strcmp(field->name, "url") == 0)
            status = proto_input_set_url(&exchange->videos.inputs[0], value, field->size, err);
        else
            status =
                proto_options_set_text(&exchange->options, field->name, value, field->size, err);
    }
    return status;
}

static enum m2c_status read_form(struct srv_exchange *exchange, struct m2c_error *err)
{
    enum m2c_status status = make_single(exchange, err);
    if (status == M2C_OK)
        status = make_items(exchange, err);
    if (status == M2C_OK)
        status = read_fields(exchange, err);
    if (status != M2C_OK)
        return status;
    struct proto_input *input = &exchange->videos.inputs[0];
    struct srv_body *body = srv_request_body(exchange->request);
    if (body && input->kind != PROTO_INPUT_NONE)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "video",
                              "a video is given twice: one of video and url is allowed");
    if (!body)
        return input->kind != PROTO_INPUT_NONE
                   ? M2C_OK
                   : proto_video_request_absent(&exchange->options, err);
    return set_single(exchange, body, err);
}

static enum m2c_status parse(struct srv_exchange *exchange, const struct proto_json_lift *lift,
                             struct m2c_error *err)
{
    json_t *json = NULL;
    enum m2c_status status = proto_json_parse_lifted(lift, &json, err);
    if (status == M2C_OK)
        status = proto_video_request_read(json, lift, &exchange->options, &exchange->videos, err);
    json_decref(json);
    return status;
}

/* The videos' bytes as bodies of their own. */
static enum m2c_status decode_videos(struct srv_exchange *exchange, struct m2c_error *err)
{
    size_t count = exchange->videos.count;
    struct srv_json_video *videos = calloc(count + 1, sizeof *videos);
    if (!videos)
        return m2c_fail_memory(err, "inputs", (count + 1) * sizeof *videos);
    enum m2c_status status = srv_json_videos_decode(exchange->body, &exchange->videos, videos, err);
    for (size_t i = 0; i < count; i++)
        exchange->items[i].video = videos[i].body;
    free(videos);
    for (size_t i = 0; i < count && status == M2C_OK; i++)
        if (exchange->items[i].video)
            status = srv_body_hash(exchange->items[i].video, exchange->items[i].content, err);
    return status;
}

/* Any thread: touches the exchange's own members alone, and nothing of the request. */
static enum m2c_status read_json(struct srv_exchange *exchange, struct m2c_error *err)
{
    struct proto_json_lift lift;
    size_t max_videos = (size_t)exchange->options.limits.max_inputs + 1;
    enum m2c_status status =
        proto_json_lift((const char *)srv_body_data(exchange->body), srv_body_size(exchange->body),
                        (size_t)exchange->handlers->config->max_json_bytes, max_videos, &lift, err);
    if (status == M2C_OK)
        status = parse(exchange, &lift, err);
    bool has_videos = lift.count > 0;
    proto_json_lift_destroy(&lift);
    if (status == M2C_OK)
        status = make_items(exchange, err);
    return status == M2C_OK && has_videos ? decode_videos(exchange, err) : status;
}

static void read_json_off_loop(uv_work_t *work)
{
    struct srv_exchange *exchange = work->data;
    exchange->read_error.status = read_json(exchange, &exchange->read_error);
}

static void after_read(uv_work_t *work, int cancelled)
{
    struct srv_exchange *exchange = work->data;
    if (cancelled)
        (void)m2c_fail(&exchange->read_error, M2C_CANCELLED, "the body was not read");
    exchange->reading = false;
    srv_exchange_run(exchange, &exchange->read_error);
}

static bool start_reading(struct srv_exchange *exchange)
{
    exchange->read_work.data = exchange;
    exchange->reading = uv_queue_work(srv_engine_loop(exchange->handlers->engine),
                                      &exchange->read_work, read_json_off_loop, after_read) == 0;
    return exchange->reading;
}

static enum m2c_status read_on_loop(struct srv_exchange *exchange, struct m2c_error *err)
{
    switch (srv_request_media(exchange->request)) {
    case SRV_MEDIA_FORM:
        return read_form(exchange, err);
    case SRV_MEDIA_JSON:
        return read_json(exchange, err);
    case SRV_MEDIA_RAW:
    case SRV_MEDIA_NONE:
    case SRV_MEDIA_OTHER:
        break;
    }
    return read_raw(exchange, err);
}

void srv_exchange_read(struct srv_exchange *exchange)
{
    const char *query = srv_request_query(exchange->request);
    struct m2c_error err = {.status = M2C_OK};
    err.status = proto_options_set_query(&exchange->options, query, strlen(query), &err);
    if (err.status == M2C_OK && srv_request_media(exchange->request) == SRV_MEDIA_JSON) {
        exchange->body = srv_body_ref(srv_request_body(exchange->request));
        if (srv_body_size(exchange->body) >= SRV_JSON_OFF_LOOP_BYTES && start_reading(exchange))
            return;
    }
    if (err.status == M2C_OK)
        err.status = read_on_loop(exchange, &err);
    srv_exchange_run(exchange, &err);
}
