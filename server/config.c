#include "server/config.h"

#include "server/limits.h"

struct srv_config srv_config_default(void)
{
    return (struct srv_config){
        .listen = "127.0.0.1:8080",
        .decoders = 2,
        .limits = proto_limits_default(),
        .max_body_bytes = 512 * SRV_MIB,
        .max_connections = 1000,
        .max_connections_per_address = 64,
        .max_queue = 256,
        .label_cache_bytes = 256 * SRV_MIB,
        .drain_s = 60,
        .log_level = SRV_LOG_INFO,
    };
}
