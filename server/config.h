/* What the operator may set, with its defaults. */
#ifndef SRV_CONFIG_H
#define SRV_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "m2clip.h"
#include "proto/limits.h"
#include "server/observe/log.h"

/* Strings are borrowed for the server's life. */
struct srv_config {
    struct m2c_model_options model;
    const char *listen;       /* "127.0.0.1:8080" */
    const char *probe_listen; /* NULL: no second listener */
    int threads;              /* of the compute team; 0: the cores this process may use */
    int decoders;             /* threads that decode; 2 */
    struct proto_limits limits;
    uint64_t max_body_bytes;                               /* 512 MiB */
    unsigned max_connections, max_connections_per_address; /* 1,000; 64, 0: no bound */
    size_t max_queue;         /* jobs under way before new requests are refused: 256 */
    size_t label_cache_bytes; /* 256 MiB */
    int drain_s;              /* 60 */
    enum srv_log_level log_level;
};

struct srv_config srv_config_default(void);

#endif
