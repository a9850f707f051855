/* Statuses and errors of the whole program.
 *
 * One X-macro list yields the enum, the wire code, the HTTP status and the constant title, so they
 * cannot drift apart. A function that can fail returns `enum m2c_status` and takes a
 * `struct m2c_error *` (never NULL) that the failing line fills once; nobody up the stack rewrites
 * it.
 */
#ifndef M2C_STATUS_H
#define M2C_STATUS_H

#include <stddef.h>

/* X(name, HTTP status, wire code, constant title) */
#define M2C_STATUS_LIST(X)                                                                         \
    X(OK, 200, "ok", "OK")                                                                         \
    X(INVALID_REQUEST, 400, "invalid_request", "The request is not valid")                         \
    X(UNAUTHORIZED, 401, "unauthorized", "A valid API key is required")                            \
    X(FORBIDDEN, 403, "forbidden", "This key or address may not do that")                          \
    X(URL_FETCH_DISABLED, 403, "url_fetch_disabled", "Fetching videos by URL is switched off")     \
    X(URL_FORBIDDEN, 403, "url_forbidden", "This URL may not be fetched")                          \
    X(ROUTE_NOT_FOUND, 404, "route_not_found", "There is no such route")                           \
    X(MODEL_NOT_FOUND, 404, "model_not_found", "There is no such model")                           \
    X(LABEL_SET_NOT_FOUND, 404, "label_set_not_found", "There is no such label set")               \
    X(VIDEO_NOT_KEPT, 404, "video_not_kept", "This video is not kept: send its bytes")             \
    X(METHOD_NOT_ALLOWED, 405, "method_not_allowed", "The route does not know this method")        \
    X(BODY_TIMEOUT, 408, "body_timeout", "The request did not arrive in time")                     \
    X(NO_VC_HEAD, 409, "no_vc_head", "The model has no classification head")                       \
    X(NO_CMLM_HEAD, 409, "no_cmlm_head", "The model has no masked-language head")                  \
    X(NO_TOKENIZER, 409, "no_tokenizer", "The model has no tokenizer")                             \
    X(READ_ONLY, 409, "read_only", "This resource is read-only")                                   \
    X(LENGTH_REQUIRED, 411, "length_required", "A Content-Length is required")                     \
    X(ETAG_MISMATCH, 412, "etag_mismatch", "The resource has changed")                             \
    X(TOO_LARGE, 413, "too_large", "The request is too large")                                     \
    X(REMOTE_TOO_LARGE, 413, "remote_too_large", "The remote file is too large")                   \
    X(URI_TOO_LONG, 414, "uri_too_long", "The URI is too long")                                    \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "unsupported_media_type", "This content type is not supported") \
    X(EXPECTATION_FAILED, 417, "expectation_failed", "The expectation cannot be met")              \
    X(UNDECODABLE_VIDEO, 422, "undecodable_video", "The video cannot be decoded")                  \
    X(UNSUPPORTED_CODEC, 422, "unsupported_codec", "The container or codec is not supported")      \
    X(NO_VIDEO, 422, "no_video", "There is no video frame to look at")                             \
    X(TOO_LONG, 422, "too_long", "The video is too long")                                          \
    X(FRAME_TOO_LARGE, 422, "frame_too_large", "The video's frames are too large")                 \
    X(UNSUPPORTED_ASPECT, 422, "unsupported_aspect", "The video's aspect ratio is not supported")  \
    X(DECODER_FAILED, 422, "decoder_failed", "The decoder failed on this video")                   \
    X(RATE_LIMITED, 429, "rate_limited", "Too many requests from this client")                     \
    X(HEADERS_TOO_LARGE, 431, "headers_too_large", "The request headers are too large")            \
    X(INTERNAL, 500, "internal", "The server failed to answer")                                    \
    X(NOT_IMPLEMENTED, 501, "not_implemented", "The server does not do that")                      \
    X(FETCH_FAILED, 502, "fetch_failed", "The URL could not be fetched")                           \
    X(QUEUE_FULL, 503, "queue_full", "The server is at capacity")                                  \
    X(LOADING, 503, "loading", "The model is still loading")                                       \
    X(DRAINING, 503, "draining", "The server is shutting down")                                    \
    X(DECODER_UNAVAILABLE, 503, "decoder_unavailable", "Video decoding is not available")          \
    X(STORAGE, 503, "storage", "Temporary storage is not available")                               \
    X(DEADLINE, 504, "deadline", "The request's deadline has passed")                              \
    X(FETCH_TIMEOUT, 504, "fetch_timeout", "The URL could not be fetched in time")                 \
    /* Never sent to a client under these names: a client sees `internal`. */                      \
    X(BAD_MODEL, 500, "internal", "The model folder is not valid")                                 \
    X(IO_FAILED, 500, "internal", "A file could not be read or written")                           \
    X(NO_MEMORY, 500, "internal", "There is not enough memory")                                    \
    X(USAGE, 500, "internal", "The command line is not valid")                                     \
    X(CANCELLED, 500, "internal", "The work was cancelled")

enum m2c_status {
#define M2C_STATUS_ENUM(name, http, code, title) M2C_##name,
    M2C_STATUS_LIST(M2C_STATUS_ENUM)
#undef M2C_STATUS_ENUM
        M2C_STATUS_COUNT
};

/* What went wrong, written once where the facts are known.
 * `detail` holds only facts that we computed about the input (index, limit, size, a codec of our
 * list): a client may read it. `context` (paths, library text) is for the log and the command
 * line's own user alone. */
struct m2c_error {
    enum m2c_status status;
    char field[64];    /* the request member or option at fault, "" if none */
    char detail[256];  /* one sentence of facts, without a final full stop */
    char context[256]; /* for the log: path, errno text, library text; "" if none */
};

#define M2C_MUST_USE __attribute__((warn_unused_result))

/* The wire code ("invalid_request"), the HTTP status (400) and the constant title of a status.
 * Any thread; never NULL; static storage. */
const char *m2c_status_code(enum m2c_status status);
int m2c_status_http(enum m2c_status status);
const char *m2c_status_title(enum m2c_status status);

/* Fills `err` (field and context emptied) and returns `status`, so a failing line reads
 * `return m2c_fail(err, M2C_TOO_LARGE, "%zu bytes exceed %zu", n, limit);`. Long texts are cut. */
enum m2c_status m2c_fail(struct m2c_error *err, enum m2c_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with the name of the request member or option that is at fault. */
enum m2c_status m2c_fail_field(struct m2c_error *err, enum m2c_status status, const char *field,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Adds what only the log may see to an error just filled; returns err->status. */
enum m2c_status m2c_error_context(struct m2c_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Shorthands for the two commonest causes: an allocation of `bytes` for `what` failed; the system
 * call `what` on `path` (may be NULL) failed with errno. Inline, so that compilers and analyzers
 * see the constant that comes back. */
static inline enum m2c_status m2c_fail_memory(struct m2c_error *err, const char *what, size_t bytes)
{
    (void)m2c_fail(err, M2C_NO_MEMORY, "%zu bytes for %s are not to be had", bytes, what);
    return M2C_NO_MEMORY;
}

void m2c_describe_errno(struct m2c_error *err, const char *what, const char *path);

static inline enum m2c_status m2c_fail_errno(struct m2c_error *err, const char *what,
                                             const char *path)
{
    m2c_describe_errno(err, what, path);
    return M2C_IO_FAILED;
}

#endif
