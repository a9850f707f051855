/* What is known of a video, in the form that answers show. Pure. */
#ifndef SRV_HANDLERS_KEPT_VIDEO_H
#define SRV_HANDLERS_KEPT_VIDEO_H

#include "proto/answer.h"
#include "server/engine/video_cache.h"

/* All borrowed from the facts and `id`. */
void srv_describe_video(const struct m2c_video_facts *facts, const char *id,
                        struct proto_video_facts *out);

/* `stride` as it was asked for, 0: uniform. */
void srv_describe_sampling(const struct srv_video_result *result, int stride,
                           struct proto_sampling_facts *out);

#endif
