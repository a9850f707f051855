#include "server/handlers/kept_video.h"

void srv_describe_video(const struct m2c_video_facts *facts, const char *id,
                        struct proto_video_facts *out)
{
    *out = (struct proto_video_facts){
        .id = id,
        .codec = facts->codec,
        .width = facts->width,
        .height = facts->height,
        .rotation = facts->rotation,
        .fps = facts->fps,
        .frames = facts->frames,
        .duration_s = facts->duration_s,
    };
}

void srv_describe_sampling(const struct srv_video_result *result, int stride,
                           struct proto_sampling_facts *out)
{
    *out = (struct proto_sampling_facts){
        .frames = result->frames_per_view,
        .stride = stride,
        .temporal_views = result->temporal_views,
        .spatial_views = result->spatial_views,
        .frame_indices = result->frame_indices,
        .frame_times_s = result->frame_times_s,
    };
}
