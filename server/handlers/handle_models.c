#include <stdlib.h>

#include "proto/json_body.h"
#include "proto/model_list.h"
#include "server/clients/clients.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json_reply.h"
#include "server/limits.h"
#include "video/video.h"

static struct proto_model_entry entry_of(const struct srv_served *served, const struct m2c_set *set)
{
    const struct m2c_model *model = srv_served_model(served);
    const struct m2c_set_info *info = m2c_set_info(set);
    return (struct proto_model_entry){
        .name = info->name,
        .version = info->version,
        .precision = m2c_precision_name(m2c_model_precision(model)),
        .is_default = set == m2c_model_find_set(model, NULL),
        .has_vc = info->has_vc,
        .has_contrastive = m2c_model_tokenizer(model) != NULL,
        .has_cmlm = info->has_cmlm,
        .classes = info->classes,
        .dim = info->dim,
        .frames = info->preprocess->frames,
        .stride = info->preprocess->stride,
        .loaded_at = srv_served_loaded_at(served),
    };
}

/* What a request may ask for: every bound that a client can run into. */
static void write_list(struct proto_writer *writer, const struct srv_handlers *handlers,
                       const struct proto_model_entry *entries, size_t count)
{
    const struct srv_config *config = handlers->config;
    const struct proto_limits limits = srv_config_request_limits(config);
    const struct m2c_decode_limits video = srv_config_decode_limits(config);
    const struct srv_rate *rate = &handlers->clients->rate;
    const struct proto_limit_entry rows[] = {
        {"max_body_bytes", config->max_body_bytes},
        {"body_memory_bytes", config->body_memory_bytes},
        {"spool_bytes", config->spool_bytes},
        {"max_json_bytes", config->max_json_bytes},
        {"max_json_video_bytes", config->max_json_video_bytes},
        {"max_label_set_bytes", config->max_label_set_bytes},
        {"max_json_depth", PROTO_JSON_MAX_DEPTH},
        {"max_headers", SRV_MAX_HEADERS},
        {"max_header_bytes", (int64_t)SRV_MAX_HEADER_BYTES},
        {"max_target_bytes", (int64_t)SRV_MAX_TARGET_BYTES},
        {"max_form_bytes", (int64_t)SRV_MAX_FORM_BYTES},
        {"max_labels", limits.max_labels},
        {"max_set_labels", limits.max_set_labels},
        {"max_label_bytes", limits.max_label_bytes},
        {"max_label_texts", limits.max_label_texts},
        {"max_templates", limits.max_templates},
        {"max_inputs", limits.max_inputs},
        {"max_timeout_ms", limits.max_timeout_ms},
        {"default_timeout_ms", limits.default_timeout_ms},
        {"max_frames", M2C_MAX_FRAMES},
        {"max_stride", M2C_MAX_STRIDE},
        {"max_temporal_views", M2C_MAX_TEMPORAL_VIEWS},
        {"max_spatial_views", M2C_MAX_SPATIAL_VIEWS},
        {"max_frame_pixels", video.max_pixels},
        {"max_side_ratio", video.max_side_ratio},
        {"max_video_s", (int64_t)video.max_duration_s},
        {"rate_limit_per_minute", (int64_t)(rate->per_second * 60.0 + 0.5)},
        {"rate_limit_burst", (int64_t)rate->burst},
        {"client_share_percent", config->client_share},
        {"max_queue", config->max_queue},
        {"max_queue_ms", config->max_queue_ms},
        {"max_decoded_bytes", config->max_decoded_bytes},
        {"keep_alive_s", config->keep_alive_s},
        {"header_deadline_s", config->header_deadline_s},
        {"body_deadline_s", config->body_deadline_s},
        {"min_body_rate", config->min_body_rate},
        {"reply_deadline_s", config->reply_deadline_s},
    };
    proto_model_list_write(writer, entries, count, rows, sizeof rows / sizeof rows[0]);
}

void srv_handle_models(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    const struct srv_served *served = srv_engine_served(handlers->engine);
    struct m2c_error err;
    struct proto_writer writer;
    if (!served) {
        (void)m2c_fail(&err, M2C_LOADING, "the model is not there yet");
        srv_request_fail(request, &err, 1000);
        return;
    }
    const struct m2c_model *model = srv_served_model(served);
    size_t count = m2c_model_set_count(model);
    struct proto_model_entry *entries = calloc(count + 1, sizeof *entries);
    if (!entries) {
        (void)m2c_fail_memory(&err, "the list of models", count * sizeof *entries);
        srv_request_fail(request, &err, -1);
        return;
    }
    for (size_t i = 0; i < count; i++)
        entries[i] = entry_of(served, m2c_model_set(model, i));
    proto_writer_init(&writer);
    write_list(&writer, handlers, entries, count);
    free(entries);
    srv_reply_json(request, 200, &writer);
}
