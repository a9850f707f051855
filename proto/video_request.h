/* A JSON request of a video route: its options and where its videos come from. */
#ifndef PROTO_VIDEO_REQUEST_H
#define PROTO_VIDEO_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/options.h"
#include "status.h"

enum proto_input_kind {
    PROTO_INPUT_NONE,
    PROTO_INPUT_BYTES,
    PROTO_INPUT_URL,
    PROTO_INPUT_VIDEO_ID
};

/* One video: exactly one of its three forms, or none (embed with texts alone). */
struct proto_input {
    enum proto_input_kind kind;
    unsigned char *bytes; /* owned, decoded; take it by setting NULL */
    size_t size;
    char *url;      /* owned */
    char *video_id; /* owned */
};

void proto_input_destroy(struct proto_input *input);

/* Sets a URL from a form field (the scheme and the address are judged by who fetches): at most
 * 2,048 bytes, UTF-8, not blank; a second source is M2C_INVALID_REQUEST, field `url`. */
M2C_MUST_USE enum m2c_status proto_input_set_url(struct proto_input *input, const char *url,
                                                 size_t length, struct m2c_error *err);

struct proto_video_request {
    struct proto_input *inputs; /* owned */
    size_t count;               /* 1, or with `many` 1..max_inputs */
    bool many;                  /* came as `inputs`: the answer is {"results": [..]} */
};

/* Reads the members of a body into options (made for the route; query options may be set already)
 * and inputs. Neither, both or several of `video`, `url`, `video_id`, `inputs` are
 * M2C_INVALID_REQUEST; embed and fill-mask differ as interface.md says: embed may come without a
 * video, timeline takes no `video_id`. Does not call proto_options_finish. Destroy in any case. */
M2C_MUST_USE enum m2c_status proto_video_request_read(const json_t *body,
                                                      struct proto_options *options,
                                                      struct proto_video_request *request,
                                                      struct m2c_error *err);
void proto_video_request_destroy(struct proto_video_request *request);

#endif
