/* Where the bytes of a body go while they arrive: straight into the body, or through the form
 * parser into the part `video` and the fields. Loop thread. */
#ifndef SRV_HTTP_UPLOAD_H
#define SRV_HTTP_UPLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/http/body.h"
#include "server/http/form.h"
#include "server/http/media_type.h"
#include "status.h"

struct srv_multipart;

/* Zeroed is "no body"; destroy frees. */
struct srv_upload {
    enum srv_media_kind media;
    struct srv_body *body; /* raw bytes, JSON text, or the part `video`; NULL until there is one */
    struct srv_body *room; /* of a form: where the part `video` will go; NULL once it has come */
    struct srv_storage *storage; /* held with `fields_taken` bytes of it, or NULL */
    uint64_t fields_taken;
    struct srv_form form;
    struct srv_multipart *multipart; /* NULL unless a form is being read */
    bool in_video;                   /* inside the part `video` */
    uint64_t expected, received;     /* bytes of the whole request body */
    bool open_ended;                 /* it may end sooner than expected */
};

/* Prepares for a body of `expected` > 0 bytes: all that it may need is taken from the storage.
 * M2C_QUEUE_FULL, M2C_STORAGE. */
M2C_MUST_USE enum m2c_status srv_upload_begin(struct srv_upload *upload,
                                              struct srv_storage *storage,
                                              const struct srv_media_type *media, uint64_t expected,
                                              struct m2c_error *err);

/* The next bytes. A failure ends the upload: only more discarding may follow. */
M2C_MUST_USE enum m2c_status srv_upload_feed(struct srv_upload *upload, const char *data,
                                             size_t size, struct m2c_error *err);

/* Whether a block must be stored before more may be fed (`at_end`: before the finish). */
bool srv_upload_wants_store(const struct srv_upload *upload, bool at_end);

/* All bytes are there: the body is complete, and sealed unless it is JSON, in which base64 may
 * still be decoded in place. M2C_INVALID_REQUEST for an unfinished form or an empty video. */
M2C_MUST_USE enum m2c_status srv_upload_finish(struct srv_upload *upload, struct m2c_error *err);
void srv_upload_destroy(struct srv_upload *upload);

#endif
