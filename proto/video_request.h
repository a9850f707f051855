/* A JSON request of a video route: its options and where its videos come from. */
#ifndef PROTO_VIDEO_REQUEST_H
#define PROTO_VIDEO_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/json_lift.h"
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
    struct proto_base64_span span; /* of a JSON body's video: where its base64 stands in the body */
    size_t size;                   /* that it decodes to */
    char *url;                     /* owned */
    char *video_id;                /* owned */
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

/* The field that names the video of an input: "video", "inputs[3].video". */
void proto_video_request_field(const struct proto_video_request *request, size_t index,
                               char field[64]);

/* Whether a request may come without any video: embed with texts. Else M2C_INVALID_REQUEST, field
 * `video`. */
M2C_MUST_USE enum m2c_status proto_video_request_absent(const struct proto_options *options,
                                                        struct m2c_error *err);

/* Reads the members of a body, whose videos are lifted out, into options (made for the route; query
 * options may be set already) and inputs. Neither, both or several of `video`, `url`, `video_id`,
 * `inputs` are M2C_INVALID_REQUEST; embed and fill-mask differ as interface.md says: embed may come
 * without a video, timeline takes no `video_id`. Does not call proto_options_finish. Destroy in any
 * case. */
M2C_MUST_USE enum m2c_status proto_video_request_read(const json_t *body,
                                                      const struct proto_json_lift *lift,
                                                      struct proto_options *options,
                                                      struct proto_video_request *request,
                                                      struct m2c_error *err);
void proto_video_request_destroy(struct proto_video_request *request);

#endif
