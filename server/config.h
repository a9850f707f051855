/* What the operator may set, with its defaults: every number is one field and one option of
 * `m2clip serve`. */
#ifndef SRV_CONFIG_H
#define SRV_CONFIG_H

#include <stdint.h>

#include "m2clip.h"
#include "proto/limits.h"
#include "server/http/http_server.h"
#include "server/observe/log.h"
#include "video/video.h"

/* Strings are borrowed for the server's life. */
struct srv_config {
    struct m2c_model_options model;
    const char *listen;                    /* "127.0.0.1:8080" */
    const char *probe_listen;              /* NULL: no second listener */
    const char *tls_certificate, *tls_key; /* PEM files for `listen`; NULL: plain HTTP */

    const char *cache_dir;      /* of label vectors and stored label sets; NULL: memory alone */
    const char *label_sets_dir; /* of label sets that nobody changes; NULL: none */

    /* As srv_clients_options wants them; NULL: none. */
    const char *api_key_file, *trusted_proxies, *rate_limit, *cors_origins;
    int64_t client_share; /* percent of the admission budget */

    enum srv_log_level log_level;

    int64_t threads;  /* of all compute teams; 0: the cores this process may use */
    int64_t workers;  /* teams that share them */
    int64_t decoders; /* threads that decode */
    int64_t max_batch_clips, max_wait_ms; /* of a pass (0: by the team); that it waits to fill */
    int64_t max_decoded_bytes;            /* of frames that wait for a team */
    int64_t compute_nice;                 /* of teams and decoders, beside the loop */
    int64_t drain_s;                      /* to finish accepted work after a signal */

    int64_t max_connections, max_connections_per_address; /* the latter 0: no bound */
    int64_t max_queue;         /* requests under way before new ones are refused */
    int64_t max_queue_ms;      /* estimated work under way before new requests are refused */
    int64_t label_cache_bytes; /* of label vectors */
    int64_t video_cache_bytes; /* of what is kept of videos */

    bool allow_chunked; /* bodies that do not state their length */
    int64_t max_body_bytes;
    int64_t body_memory_bytes, spool_bytes; /* of all bodies together, in memory and on disk */
    const char *spool_dir;                  /* NULL: $TMPDIR, or /tmp */
    int64_t max_json_bytes, max_json_video_bytes; /* without and with base64 videos */
    int64_t max_label_set_bytes;                  /* JSON of one label set */
    int64_t max_labels, max_timeout_ms;
    int64_t max_frame_pixels, max_side_ratio, max_video_s;
    int64_t header_deadline_s, body_deadline_s, min_body_rate, keep_alive_s;
    int64_t reply_deadline_s; /* that a reader may take, beside what its size grants */
};

struct srv_config srv_config_default(void);

/* The same as those who keep to them want it. */
struct proto_limits srv_config_request_limits(const struct srv_config *config);
struct m2c_decode_limits srv_config_decode_limits(const struct srv_config *config);
struct srv_http_times srv_config_times(const struct srv_config *config);

#endif
