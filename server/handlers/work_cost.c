#include "server/handlers/work_cost.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "pipeline.h"
#include "server/http/request.h"

enum { TIMELINE_WINDOWS = 8 };

static size_t clip_count(const struct m2c_sampling *sampling)
{
    return (size_t)sampling->temporal_views * (size_t)sampling->spatial_views;
}

struct srv_cost srv_cost_of_videos(const struct m2c_set *set, const struct m2c_sampling *sampling,
                                   size_t videos, size_t bytes, size_t texts)
{
    size_t clips = videos * clip_count(sampling);
    struct srv_cost cost = {
        .lane = srv_lane_of_frames(clips * (size_t)sampling->frames),
        .flop = (double)clips * m2c_set_clip_flop(set, sampling->frames),
        .videos = (double)videos,
        .bytes = (double)bytes,
        .texts = (double)texts,
    };
    if (srv_lane_of_texts(texts) == SRV_LANE_LONG && videos == 0)
        cost.lane = SRV_LANE_LONG;
    return cost;
}

struct srv_cost srv_cost_of_timeline(const struct m2c_set *set, const struct m2c_sampling *sampling,
                                     size_t texts)
{
    struct srv_cost cost = srv_cost_of_videos(set, sampling, TIMELINE_WINDOWS, 0, texts);
    cost.lane = SRV_LANE_LONG;
    return cost;
}

static bool find_route(const struct srv_request *request, enum proto_route *out)
{
    static const char prefix[] = "/v1/";
    const char *path = srv_request_route(request)->path;
    if (strncmp(path, prefix, sizeof prefix - 1) != 0)
        return false;
    for (unsigned bit = PROTO_CLASSIFY; bit <= PROTO_FILL_MASK; bit <<= 1) {
        *out = (enum proto_route)bit;
        if (strcmp(path + sizeof prefix - 1, proto_route_name(*out)) == 0)
            return true;
    }
    return false;
}

static size_t content_length(const struct srv_request *request)
{
    const char *length = srv_request_header(request, "Content-Length");
    return length ? strtoull(length, NULL, 10) : 0;
}

/* JSON this short names a video rather than holds one. */
enum { NAMING_BYTES = 8192 };

static bool holds_video(const struct srv_request *request)
{
    const char *type = srv_request_header(request, "Content-Type");
    return !type || strncasecmp(type, "application/json", 16) != 0 ||
           content_length(request) > NAMING_BYTES;
}

static size_t text_count(const struct proto_options *options, const struct m2c_set *set)
{
    size_t labels = 0;
    if (options->route == PROTO_ZEROSHOT)
        labels =
            options->labels.count > 0 ? options->labels.count : m2c_set_info(set)->labels->count;
    return labels + options->texts.count;
}

struct srv_cost srv_cost_of_headers(const struct srv_handlers *handlers,
                                    const struct srv_request *request)
{
    const struct m2c_model *model = srv_served_model(srv_engine_served(handlers->engine));
    const struct proto_limits limits = srv_config_request_limits(handlers->config);
    const char *query = srv_request_query(request);
    struct srv_cost cost = {.lane = SRV_LANE_SHORT};
    struct proto_options options;
    struct m2c_sampling sampling;
    struct m2c_error ignored;
    enum proto_route route;
    if (!find_route(request, &route))
        return cost;
    proto_options_init(&options, route, &limits);
    /* What comes before a fault is known all the same; the request will be refused for it. */
    bool faulty = proto_options_set_query(&options, query, strlen(query), &ignored) != M2C_OK;
    const struct m2c_set *set = m2c_model_find_set(model, options.model);
    if (!set || faulty)
        set = m2c_model_find_set(model, NULL);
    struct m2c_sampling preferred = m2c_pipeline_default_sampling(set);
    if (proto_options_sampling(&options, &preferred, &sampling, &ignored) != M2C_OK)
        sampling = preferred;
    size_t texts = text_count(&options, set);
    cost = route == PROTO_TIMELINE ? srv_cost_of_timeline(set, &sampling, texts)
                                   : srv_cost_of_videos(set, &sampling, holds_video(request),
                                                        content_length(request), texts);
    proto_options_destroy(&options);
    return cost;
}
