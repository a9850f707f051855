#include "server/handlers/json_videos.h"

#include <stdlib.h>

#include "proto/base64.h"
#include "server/limits.h"

enum { PIECE_BYTES = 192 * 1024 }; /* a multiple of three */

/* One video on its way: `made` bytes of it stand where its text began. */
struct decoding {
    struct srv_body *body;
    const struct proto_input *input;
    struct m2c_digest *digest;
    unsigned char *piece; /* [PIECE_BYTES] */
    size_t made;
};

static enum m2c_status decode_text(struct decoding *decoding, const char *field,
                                   struct m2c_error *err)
{
    const struct proto_base64_span *span = &decoding->input->span;
    struct proto_base64_reader reader;
    size_t size = 1;
    proto_base64_start(&reader, (const char *)srv_body_data(decoding->body), span, field);
    enum m2c_status status = M2C_OK;
    while (status == M2C_OK && size > 0) {
        status = proto_base64_next(&reader, decoding->piece, PIECE_BYTES, &size, err);
        if (status != M2C_OK || size == 0)
            return status;
        m2c_digest_add(decoding->digest, decoding->piece, size);
        status = srv_body_overwrite(decoding->body, span->offset + decoding->made, decoding->piece,
                                    size, err);
        decoding->made += size;
    }
    return status;
}

/* Decodes one; its digest is the outcome. */
static enum m2c_status decode(struct decoding *decoding, const char *field,
                              unsigned char digest[M2C_DIGEST_BYTES], struct m2c_error *err)
{
    enum m2c_status status = m2c_digest_new(&decoding->digest, err);
    decoding->made = 0;
    if (status == M2C_OK)
        status = decode_text(decoding, field, err);
    if (status == M2C_OK)
        status = m2c_digest_finish(decoding->digest, digest, err);
    m2c_digest_free(&decoding->digest);
    return status;
}

enum m2c_status srv_json_videos_decode(struct srv_body *body,
                                       const struct proto_video_request *request,
                                       struct srv_json_video *videos, struct m2c_error *err)
{
    struct decoding decoding = {.body = body, .piece = malloc(PIECE_BYTES)};
    enum m2c_status status = M2C_OK;
    if (!decoding.piece)
        return m2c_fail_memory(err, "a piece of a video", PIECE_BYTES);
    for (size_t i = 0; i < request->count && status == M2C_OK; i++) {
        unsigned char digest[M2C_DIGEST_BYTES];
        char field[64];
        decoding.input = &request->inputs[i];
        if (decoding.input->kind != PROTO_INPUT_BYTES)
            continue;
        proto_video_request_field(request, i, field);
        status = decode(&decoding, field, digest, err);
        if (status == M2C_OK)
            status = srv_body_slice(body, decoding.input->span.offset, decoding.made, digest,
                                    &videos[i].body, err);
    }
    free(decoding.piece);
    return status == M2C_OK ? srv_body_seal(body, err) : status;
}
