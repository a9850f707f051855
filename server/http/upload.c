#include "server/http/upload.h"

#include <stdlib.h>
#include <string.h>

#include "server/http/multipart.h"

static enum m2c_status part_begin(void *argument, const char *name, struct m2c_error *err)
{
    struct srv_upload *upload = argument;
    upload->in_video = strcmp(name, "video") == 0;
    if (!upload->in_video)
        return srv_form_open(&upload->form, name, err);
    if (upload->body)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "video", "the part is given twice");
    /* The part cannot be longer than the request. */
    return srv_body_new((size_t)upload->expected, true, &upload->body, err);
}

static enum m2c_status part_data(void *argument, const char *data, size_t size,
                                 struct m2c_error *err)
{
    struct srv_upload *upload = argument;
    return upload->in_video ? srv_body_append(upload->body, data, size, err)
                            : srv_form_append(&upload->form, data, size, err);
}

static enum m2c_status part_end(void *argument, struct m2c_error *err)
{
    struct srv_upload *upload = argument;
    if (upload->in_video && srv_body_size(upload->body) == 0)
        return m2c_fail_field(err, M2C_INVALID_REQUEST, "video", "the part is empty");
    return M2C_OK;
}

enum m2c_status srv_upload_begin(struct srv_upload *upload, const struct srv_media_type *media,
                                 uint64_t expected, struct m2c_error *err)
{
    upload->media = media->kind;
    upload->expected = expected;
    if (media->kind != SRV_MEDIA_FORM)
        return srv_body_new((size_t)expected, media->kind == SRV_MEDIA_RAW, &upload->body, err);
    upload->multipart = malloc(sizeof *upload->multipart);
    if (!upload->multipart)
        return m2c_fail_memory(err, "a form parser", sizeof *upload->multipart);
    struct srv_multipart_sink sink = {upload, part_begin, part_data, part_end};
    srv_multipart_init(upload->multipart, media->boundary, &sink);
    return M2C_OK;
}

enum m2c_status srv_upload_feed(struct srv_upload *upload, const char *data, size_t size,
                                struct m2c_error *err)
{
    upload->received += size;
    return upload->multipart ? srv_multipart_feed(upload->multipart, data, size, err)
                             : srv_body_append(upload->body, data, size, err);
}

enum m2c_status srv_upload_finish(struct srv_upload *upload, struct m2c_error *err)
{
    if (upload->received != upload->expected)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the body ended after %llu of %llu bytes",
                        (unsigned long long)upload->received, (unsigned long long)upload->expected);
    if (!upload->multipart)
        return M2C_OK;
    enum m2c_status status = srv_multipart_finish(upload->multipart, err);
    free(upload->multipart);
    upload->multipart = NULL;
    return status;
}

void srv_upload_destroy(struct srv_upload *upload)
{
    srv_body_unref(upload->body);
    srv_form_destroy(&upload->form);
    free(upload->multipart);
    memset(upload, 0, sizeof *upload);
}
