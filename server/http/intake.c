/* What is decided once the headers are complete, before anything of the body is read. */
#include "server/http/header_guard.h"
#include "server/http/http_internal.h"

static bool may_be_absent(enum srv_body_policy policy)
{
    return policy == SRV_BODY_NONE || policy == SRV_BODY_OPTIONAL_VIDEO ||
           policy == SRV_BODY_OPTIONAL_JSON;
}

static bool has_body(const struct srv_guard *guard)
{
    return guard->content_length > 0 || srv_guard_is_chunked(guard);
}

static bool takes_video(enum srv_body_policy policy)
{
    return policy == SRV_BODY_VIDEO || policy == SRV_BODY_OPTIONAL_VIDEO;
}

static uint64_t json_limit(const struct srv_http_options *options, const struct srv_route *route)
{
    if (takes_video(route->body))
        return options->max_json_bytes;
    return route->json_limit == SRV_JSON_LABEL_SET ? options->max_label_set_bytes
                                                   : options->max_plain_json_bytes;
}

static enum m2c_status check_media(const struct srv_route *route,
                                   const struct srv_media_type *media, struct m2c_error *err)
{
    if (takes_video(route->body) && media->kind != SRV_MEDIA_NONE && media->kind != SRV_MEDIA_OTHER)
        return M2C_OK;
    if (takes_video(route->body))
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE,
                        "send video/*, application/octet-stream, multipart/form-data or "
                        "application/json");
    if (media->kind != SRV_MEDIA_JSON)
        return m2c_fail(err, M2C_UNSUPPORTED_MEDIA_TYPE, "send application/json");
    return M2C_OK;
}

/* Whether the body that is announced may come. */
static enum m2c_status check_body(const struct srv_request *request, const struct srv_guard *guard,
                                  struct srv_media_type *media, struct m2c_error *err)
{
    const struct srv_route *route = request->match.route;
    enum m2c_status status = srv_media_type_parse(guard->content_type, media, err);
    if (status == M2C_OK)
        status = check_media(route, media, err);
    if (status != M2C_OK)
        return status;
    if (guard->lengths == 0 && !srv_guard_is_chunked(guard))
        return m2c_fail(err, M2C_LENGTH_REQUIRED, "the request states no Content-Length");
    if (!has_body(guard))
        return m2c_fail(err, M2C_INVALID_REQUEST, "the body is empty");
    uint64_t limit = json_limit(&request->http->options, route);
    if (media->kind == SRV_MEDIA_JSON && guard->content_length > limit)
        return m2c_fail(err, M2C_TOO_LARGE, "a JSON body may have %llu bytes",
                        (unsigned long long)limit);
    return M2C_OK;
}

/* Room comes free as bodies are worked off; who knows better has said so already. */
static void ask_to_come_back(struct srv_record *record)
{
    if (record->retry_after_ms < 0)
        record->retry_after_ms = SRV_STORAGE_RETRY_MS;
}

/* A body of unknown length gets room for the longest that may come. */
static enum m2c_status begin_upload(struct srv_request *request, const struct srv_guard *guard,
                                    const struct srv_media_type *media, struct m2c_error *err)
{
    const struct srv_http_options *options = &request->http->options;
    bool open_ended = srv_guard_is_chunked(guard);
    uint64_t expected = guard->content_length;
    if (open_ended)
        expected = media->kind == SRV_MEDIA_JSON ? json_limit(options, request->match.route)
                                                 : options->max_body_bytes;
    request->upload.open_ended = open_ended;
    return srv_upload_begin(&request->upload, request->http->storage, media, expected, err);
}

/* What the body is and where it goes. */
static enum m2c_status open_body(struct srv_request *request, const struct srv_guard *guard,
                                 struct m2c_error *err)
{
    const struct srv_route *route = request->match.route;
    struct srv_media_type media = {.kind = SRV_MEDIA_NONE};
    bool comes = has_body(guard) || !may_be_absent(route->body);
    enum m2c_status status = M2C_OK;
    if (comes && route->body == SRV_BODY_NONE)
        return m2c_fail(err, M2C_INVALID_REQUEST, "this route takes no body");
    if (comes)
        status = check_body(request, guard, &media, err);
    if (status == M2C_OK && route->admit)
        status = route->admit(request, request->http->options.context, err);
    if (status == M2C_OK && comes)
        status = begin_upload(request, guard, &media, err);
    if (status == M2C_QUEUE_FULL || status == M2C_STORAGE)
        ask_to_come_back(&request->record);
    return status;
}

enum m2c_status srv_intake(struct srv_request *request, struct srv_guard *guard, const char *method,
                           const char *version, struct m2c_error *err)
{
    const struct srv_http_options *options = &request->http->options;
    struct srv_guard_line line = {method, request->target_text, version, options->max_body_bytes,
                                  options->allow_chunked};
    enum m2c_status status = srv_guard_settle(guard, &line, err);
    if (status != M2C_OK) {
        request->close = true;
        request->peer->linger = true;
        return status;
    }
    status = srv_target_parse(request->target_text, &request->target, err);
    if (status == M2C_OK)
        status = srv_router_find(&options->router, options->listener, method, request->target.path,
                                 &request->match, request->allow, sizeof request->allow, err);
    if (status == M2C_OK && options->gate)
        status = options->gate(request, options->context, err);
    if (status == M2C_OK)
        status = open_body(request, guard, err);
    if (status != M2C_OK && has_body(guard)) {
        /* The body stays unread, so the connection cannot be used on. */
        request->close = true;
        request->peer->linger = true;
    }
    return status;
}
