#include "server/config.h"

#include "server/limits.h"

struct srv_config srv_config_default(void)
{
    const struct proto_limits request = proto_limits_default();
    const struct m2c_decode_limits decode = m2c_decode_limits_defaults();
    return (struct srv_config){
        .listen = "127.0.0.1:8080",
        .log_level = SRV_LOG_INFO,
        .client_share = 50,
        .workers = 1,
        .decoders = 2,
        .max_decoded_bytes = 512 * (int64_t)SRV_MIB,
        .compute_nice = 10,
        .drain_s = 60,
        .max_connections = 1000,
        .max_connections_per_address = 64,
        .max_queue = 256,
        .max_queue_ms = 10000,
        .label_cache_bytes = 256 * (int64_t)SRV_MIB,
        .video_cache_bytes = 256 * (int64_t)SRV_MIB,
        .max_body_bytes = 512 * (int64_t)SRV_MIB,
        .body_memory_bytes = 256 * (int64_t)SRV_MIB,
        .spool_bytes = 4096 * (int64_t)SRV_MIB,
        .max_json_bytes = (int64_t)SRV_MIB,
        .max_json_video_bytes = 32 * (int64_t)SRV_MIB,
        .max_label_set_bytes = 16 * (int64_t)SRV_MIB,
        .max_labels = request.max_labels,
        .max_timeout_ms = request.max_timeout_ms,
        .max_frame_pixels = decode.max_pixels,
        .max_side_ratio = decode.max_side_ratio,
        .max_video_s = (int64_t)decode.max_duration_s,
        .header_deadline_s = 10,
        .body_deadline_s = 900,
        .min_body_rate = 32 * (int64_t)SRV_KIB,
        .keep_alive_s = 100,
        .reply_deadline_s = 10,
    };
}

struct proto_limits srv_config_request_limits(const struct srv_config *config)
{
    struct proto_limits limits = proto_limits_default();
    limits.max_labels = (int)config->max_labels;
    limits.max_timeout_ms = (int)config->max_timeout_ms;
    if (limits.default_timeout_ms > limits.max_timeout_ms)
        limits.default_timeout_ms = limits.max_timeout_ms;
    return limits;
}

struct m2c_decode_limits srv_config_decode_limits(const struct srv_config *config)
{
    struct m2c_decode_limits limits = m2c_decode_limits_defaults();
    limits.max_pixels = config->max_frame_pixels;
    limits.max_side_ratio = (int)config->max_side_ratio;
    limits.max_duration_s = (double)config->max_video_s;
    return limits;
}

struct srv_http_times srv_config_times(const struct srv_config *config)
{
    return (struct srv_http_times){
        .header_deadline_ms = (double)config->header_deadline_s * 1000.0,
        .body_deadline_ms = (double)config->body_deadline_s * 1000.0,
        .keep_alive_ms = (double)config->keep_alive_s * 1000.0,
        .reply_deadline_ms = (double)config->reply_deadline_s * 1000.0,
        .body_min_rate = (uint64_t)config->min_body_rate,
    };
}
