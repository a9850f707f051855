#include <time.h>

#include "proto/answer.h"
#include "server/engine/video_flight.h"
#include "server/handlers/handlers.h"
#include "server/handlers/json_reply.h"
#include "server/handlers/kept_video.h"
#include "server/handlers/storing.h"

static void write_time(struct proto_writer *writer, time_t moment)
{
    char text[32];
    struct tm fields;
    if (!gmtime_r(&moment, &fields) ||
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &fields) == 0)
        proto_writer_null(writer);
    else
        proto_writer_string(writer, text);
}

static void write_kept(const struct srv_kept_video *video, void *argument)
{
    struct proto_writer *writer = argument;
    struct proto_sampling_facts sampling;
    srv_describe_sampling(&video->result, video->sampling.stride, &sampling);
    proto_writer_object_begin(writer);
    proto_writer_key(writer, "model");
    proto_writer_string(writer, video->model);
    proto_writer_key(writer, "model_version");
    proto_writer_string(writer, video->model_version);
    proto_writer_key(writer, "sampling");
    proto_sampling_facts_write(writer, &sampling);
    proto_writer_key(writer, "bytes");
    proto_writer_integer(writer, (int64_t)video->bytes);
    proto_writer_key(writer, "kept_at");
    write_time(writer, video->kept_at);
    proto_writer_object_end(writer);
}

/* The facts are those of the content: any of them will do. */
static void take_facts(const struct srv_kept_video *video, void *argument)
{
    const struct srv_kept_video **facts = argument;
    *facts = video;
}

static void fail_not_kept(struct srv_request *request)
{
    struct m2c_error err;
    (void)m2c_fail(&err, M2C_VIDEO_NOT_KEPT, "nothing is kept under this id");
    srv_request_fail(request, &err, -1);
}

/* GET /v1/videos/{id}: what is kept of a video. */
void srv_handle_get_video(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    const char *scope = srv_video_scope(handlers, request);
    const char *id = srv_request_path_parameter(request);
    const struct srv_kept_video *any = NULL;
    struct proto_video_facts facts;
    struct proto_writer writer;
    if (srv_engine_visit_video(handlers->engine, scope, id, take_facts, &any) == 0) {
        fail_not_kept(request);
        return;
    }
    srv_describe_video(&any->result.facts, id, &facts);
    proto_writer_init(&writer);
    proto_writer_object_begin(&writer);
    proto_writer_key(&writer, "video");
    proto_video_facts_write(&writer, &facts);
    proto_writer_key(&writer, "kept");
    proto_writer_array_begin(&writer);
    (void)srv_engine_visit_video(handlers->engine, scope, id, write_kept, &writer);
    proto_writer_array_end(&writer);
    proto_writer_object_end(&writer);
    srv_reply_json(request, 200, &writer);
}

/* DELETE /v1/videos/{id}: forgets it. */
void srv_handle_delete_video(struct srv_request *request, void *context)
{
    const struct srv_handlers *handlers = context;
    const char *scope = srv_video_scope(handlers, request);
    const char *id = srv_request_path_parameter(request);
    struct srv_response response = srv_response_new(204, NULL);
    if (srv_engine_forget_video(handlers->engine, scope, id) == 0)
        fail_not_kept(request);
    else
        srv_request_respond(request, &response);
}
