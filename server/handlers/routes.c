#include "server/handlers/handlers.h"

#define SRV_EVERYWHERE (SRV_ON_MAIN | SRV_ON_PROBE)

/* What looking at a video can end in. */
#define SRV_VIDEO_PROBLEMS                                                                         \
    (SRV_CAN(UNDECODABLE_VIDEO) | SRV_CAN(UNSUPPORTED_CODEC) | SRV_CAN(NO_VIDEO) |                 \
     SRV_CAN(TOO_LONG) | SRV_CAN(FRAME_TOO_LARGE) | SRV_CAN(UNSUPPORTED_ASPECT) |                  \
     SRV_CAN(URL_FETCH_DISABLED) | SRV_CAN(VIDEO_NOT_KEPT) | SRV_CAN(MODEL_NOT_FOUND) |            \
     SRV_CAN(QUEUE_FULL) | SRV_CAN(LOADING) | SRV_CAN(DRAINING) | SRV_CAN(DEADLINE))

static const struct srv_route routes[] = {
    {
        .method = "POST",
        .path = "/v1/classify",
        .access = SRV_ACCESS_INFER,
        .body = SRV_BODY_VIDEO,
        .listeners = SRV_ON_MAIN,
        .admit = srv_admit_work,
        .handle = srv_handle_classify,
        .problems = SRV_VIDEO_PROBLEMS | SRV_CAN(NO_VC_HEAD),
    },
    {
        .method = "POST",
        .path = "/v1/zeroshot",
        .access = SRV_ACCESS_INFER,
        .body = SRV_BODY_VIDEO,
        .listeners = SRV_ON_MAIN,
        .admit = srv_admit_work,
        .handle = srv_handle_zeroshot,
        .problems = SRV_VIDEO_PROBLEMS | SRV_CAN(NO_VC_HEAD) | SRV_CAN(NO_TOKENIZER) |
                    SRV_CAN(LABEL_SET_NOT_FOUND),
    },
    {
        .method = "POST",
        .path = "/v1/timeline",
        .access = SRV_ACCESS_INFER,
        .body = SRV_BODY_VIDEO,
        .listeners = SRV_ON_MAIN,
        .admit = srv_admit_work,
        .handle = srv_handle_timeline,
        .problems = (SRV_VIDEO_PROBLEMS & ~SRV_CAN(VIDEO_NOT_KEPT)) | SRV_CAN(NO_TOKENIZER) |
                    SRV_CAN(LABEL_SET_NOT_FOUND),
    },
    {
        .method = "POST",
        .path = "/v1/embed",
        .access = SRV_ACCESS_INFER,
        .body = SRV_BODY_OPTIONAL_VIDEO,
        .listeners = SRV_ON_MAIN,
        .admit = srv_admit_work,
        .handle = srv_handle_embed,
        .problems = SRV_VIDEO_PROBLEMS | SRV_CAN(NO_TOKENIZER),
    },
    {
        .method = "POST",
        .path = "/v1/fill-mask",
        .access = SRV_ACCESS_INFER,
        .body = SRV_BODY_VIDEO,
        .listeners = SRV_ON_MAIN,
        .admit = srv_admit_work,
        .handle = srv_handle_fill_mask,
        .problems = SRV_VIDEO_PROBLEMS | SRV_CAN(NO_CMLM_HEAD) | SRV_CAN(NO_TOKENIZER),
    },
    {
        .method = "GET",
        .path = "/v1/label-sets",
        .access = SRV_ACCESS_INFER,
        .listeners = SRV_EVERYWHERE,
        .handle = srv_handle_list_label_sets,
    },
    {
        .method = "GET",
        .path = "/v1/label-sets/{name}",
        .access = SRV_ACCESS_INFER,
        .listeners = SRV_EVERYWHERE,
        .handle = srv_handle_get_label_set,
        .problems = SRV_CAN(LABEL_SET_NOT_FOUND),
    },
    {
        .method = "PUT",
        .path = "/v1/label-sets/{name}",
        .access = SRV_ACCESS_ADMIN,
        .body = SRV_BODY_JSON,
        .json_limit = SRV_JSON_LABEL_SET,
        .listeners = SRV_EVERYWHERE,
        .admit = srv_admit_work,
        .handle = srv_handle_put_label_set,
        .problems = SRV_CAN(NO_TOKENIZER) | SRV_CAN(READ_ONLY) | SRV_CAN(ETAG_MISMATCH) |
                    SRV_CAN(QUEUE_FULL) | SRV_CAN(LOADING) | SRV_CAN(DRAINING) | SRV_CAN(STORAGE),
    },
    {
        .method = "DELETE",
        .path = "/v1/label-sets/{name}",
        .access = SRV_ACCESS_ADMIN,
        .listeners = SRV_EVERYWHERE,
        .handle = srv_handle_delete_label_set,
        .problems = SRV_CAN(LABEL_SET_NOT_FOUND) | SRV_CAN(READ_ONLY) | SRV_CAN(ETAG_MISMATCH) |
                    SRV_CAN(DRAINING) | SRV_CAN(STORAGE),
    },
    {
        .method = "GET",
        .path = "/v1/videos/{id}",
        .access = SRV_ACCESS_INFER,
        .listeners = SRV_ON_MAIN,
        .handle = srv_handle_get_video,
        .problems = SRV_CAN(VIDEO_NOT_KEPT),
    },
    {
        .method = "DELETE",
        .path = "/v1/videos/{id}",
        .access = SRV_ACCESS_INFER,
        .listeners = SRV_ON_MAIN,
        .handle = srv_handle_delete_video,
        .problems = SRV_CAN(VIDEO_NOT_KEPT),
    },
    {
        .method = "POST",
        .path = "/v1/models/reload",
        .access = SRV_ACCESS_ADMIN,
        .body = SRV_BODY_OPTIONAL_JSON,
        .listeners = SRV_EVERYWHERE,
        .handle = srv_handle_reload,
        .problems = SRV_CAN(LOADING) | SRV_CAN(DRAINING),
    },
    {
        .method = "GET",
        .path = "/v1/models",
        .access = SRV_ACCESS_INFER,
        .listeners = SRV_ON_MAIN,
        .handle = srv_handle_models,
        .problems = SRV_CAN(LOADING),
    },
    {
        .method = "GET",
        .path = "/healthz",
        .listeners = SRV_EVERYWHERE,
        .quiet = true,
        .handle = srv_handle_healthz,
    },
    {
        .method = "GET",
        .path = "/readyz",
        .listeners = SRV_EVERYWHERE,
        .quiet = true,
        .handle = srv_handle_readyz,
    },
    {
        .method = "GET",
        .path = "/metrics",
        .access = SRV_ACCESS_METRICS,
        .listeners = SRV_EVERYWHERE,
        .quiet = true,
        .handle = srv_handle_metrics,
    },
    {
        .method = "GET",
        .path = "/openapi.yaml",
        .listeners = SRV_ON_MAIN,
        .handle = srv_handle_openapi,
    },
};

struct srv_router srv_handlers_router(void)
{
    return (struct srv_router){.routes = routes, .count = sizeof routes / sizeof routes[0]};
}
