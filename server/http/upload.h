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
    struct srv_form form;
    struct srv_multipart *multipart; /* NULL unless a form is being read */
    bool in_video;                   /* inside the part `video` */
    uint64_t expected, received;     /* bytes of the whole request body */
};

/* Prepares for a body of `expected` > 0 bytes. */
M2C_MUST_USE enum m2c_status srv_upload_begin(struct srv_upload *upload,
                                              const struct srv_media_type *media, uint64_t expected,
                                              struct m2c_error *err);

/* The next bytes. A failure ends the upload: only more discarding may follow. */
M2C_MUST_USE enum m2c_status srv_upload_feed(struct srv_upload *upload, const char *data,
                                             size_t size, struct m2c_error *err);

/* All bytes are there. M2C_INVALID_REQUEST for an unfinished form or an empty video. */
M2C_MUST_USE enum m2c_status srv_upload_finish(struct srv_upload *upload, struct m2c_error *err);
void srv_upload_destroy(struct srv_upload *upload);

#endif
