#include "server/handlers/timeline.h"

/* Labels where any are asked for, or prompts for them; else the trained classes; else the set's
 * labels. One video, whose bytes are at hand. */
static enum m2c_status check(const struct srv_exchange *exchange, bool *needs_labels,
                             struct m2c_error *err)
{
    const struct proto_options *options = &exchange->options;
    *needs_labels =
        proto_options_has(options, PROTO_LABELS) || proto_options_has(options, PROTO_LABEL_SET) ||
        proto_options_has(options, PROTO_TEMPLATES) ||
        proto_options_has(options, PROTO_BACKGROUND) || !m2c_set_info(exchange->set)->has_vc;
    if (exchange->videos.many)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "inputs",
                              "a timeline is of one video: inputs are for the other routes");
    switch (exchange->videos.inputs[0].kind) {
    case PROTO_INPUT_VIDEO_ID:
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "video_id",
                              "a timeline needs the video's bytes: video_id is for other routes");
    case PROTO_INPUT_URL:
        return m2c_fail_field(err, M2C_URL_FETCH_DISABLED, "url",
                              "this server does not fetch: send the video's bytes");
    case PROTO_INPUT_NONE:
    case PROTO_INPUT_BYTES:
        break;
    }
    return M2C_OK;
}

/* POST /v1/timeline: what happens when. */
void srv_handle_timeline(struct srv_request *request, void *context)
{
    static const struct srv_video_route route = {
        .route = PROTO_TIMELINE, .check = check, .proceed = srv_timeline_start};
    srv_exchange_begin(request, context, &route);
}
