/* The base64 videos of a JSON body, decoded where they stand: each becomes a part of the body, so
 * that from here on they are as raw uploads are, and a body of 32 MiB is held once. */
#ifndef SRV_HANDLERS_JSON_VIDEOS_H
#define SRV_HANDLERS_JSON_VIDEOS_H

#include "proto/video_request.h"
#include "server/http/body.h"
#include "status.h"

struct srv_json_video {
    struct srv_body *body; /* NULL: the input brings no bytes */
};

/* Decodes and hashes every video of `request` in the complete, unsealed `body`, whose text is gone
 * after, and seals it. New bodies in `videos` [request->count], zeroed before; the caller unrefs
 * them, also on failure. Bad base64: M2C_INVALID_REQUEST with the video's field. Any
 * thread. */
M2C_MUST_USE enum m2c_status srv_json_videos_decode(struct srv_body *body,
                                                    const struct proto_video_request *request,
                                                    struct srv_json_video *videos,
                                                    struct m2c_error *err);

#endif
