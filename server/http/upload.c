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
    upload->body = upload->room;
    upload->room = NULL;
    return M2C_OK;
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

/* The video cannot be longer than the request, nor can the fields together. */
static enum m2c_status begin_form(struct srv_upload *upload, struct srv_storage *storage,
                                  const char *boundary, struct m2c_error *err)
{
    uint64_t fields = upload->expected < SRV_MAX_FORM_BYTES ? upload->expected : SRV_MAX_FORM_BYTES;
    enum m2c_status status = srv_storage_take(storage, fields, 0, err);
    if (status != M2C_OK)
        return status;
    upload->storage = srv_storage_ref(storage);
    upload->fields_taken = fields;
    upload->multipart = malloc(sizeof *upload->multipart);
    if (!upload->multipart)
        return m2c_fail_memory(err, "a form parser", sizeof *upload->multipart);
    struct srv_multipart_sink sink = {upload, part_begin, part_data, part_end};
    srv_multipart_init(upload->multipart, boundary, &sink);
    return srv_body_new(storage, (size_t)upload->expected, true, &upload->room, err);
}

enum m2c_status srv_upload_begin(struct srv_upload *upload, struct srv_storage *storage,
                                 const struct srv_media_type *media, uint64_t expected,
                                 struct m2c_error *err)
{
    upload->media = media->kind;
    upload->expected = expected;
    if (media->kind == SRV_MEDIA_FORM)
        return begin_form(upload, storage, media->boundary, err);
    return srv_body_new(storage, (size_t)expected, media->kind == SRV_MEDIA_RAW, &upload->body,
                        err);
}

enum m2c_status srv_upload_feed(struct srv_upload *upload, const char *data, size_t size,
                                struct m2c_error *err)
{
    if (size > upload->expected - upload->received)
        return m2c_fail(err, M2C_TOO_LARGE, "a body may have %llu bytes",
                        (unsigned long long)upload->expected);
    upload->received += size;
    return upload->multipart ? srv_multipart_feed(upload->multipart, data, size, err)
                             : srv_body_append(upload->body, data, size, err);
}

bool srv_upload_wants_store(const struct srv_upload *upload, bool at_end)
{
    return upload->body && srv_body_wants_store(upload->body, at_end);
}

static enum m2c_status finish_form(struct srv_upload *upload, struct m2c_error *err)
{
    enum m2c_status status = srv_multipart_finish(upload->multipart, err);
    free(upload->multipart);
    upload->multipart = NULL;
    srv_body_unref(upload->room);
    upload->room = NULL;
    return status;
}

enum m2c_status srv_upload_finish(struct srv_upload *upload, struct m2c_error *err)
{
    if (upload->received == 0)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the body is empty");
    if (upload->received != upload->expected && !upload->open_ended)
        return m2c_fail(err, M2C_INVALID_REQUEST, "the body ended after %llu of %llu bytes",
                        (unsigned long long)upload->received, (unsigned long long)upload->expected);
    enum m2c_status status = upload->multipart ? finish_form(upload, err) : M2C_OK;
    if (status == M2C_OK && upload->body)
        status = srv_body_complete(upload->body, err);
    if (status == M2C_OK && upload->body && upload->media != SRV_MEDIA_JSON)
        status = srv_body_seal(upload->body, err);
    return status;
}

void srv_upload_destroy(struct srv_upload *upload)
{
    srv_body_unref(upload->body);
    srv_body_unref(upload->room);
    if (upload->storage)
        srv_storage_give(upload->storage, upload->fields_taken, 0);
    srv_storage_unref(upload->storage);
    srv_form_destroy(&upload->form);
    free(upload->multipart);
    memset(upload, 0, sizeof *upload);
}
