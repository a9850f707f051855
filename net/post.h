/* A client's posts: a file and fields as multipart/form-data, the reply kept.
 *
 * A connection lives as long as its struct and is used again from post to post. One thread.
 */
#ifndef NET_POST_H
#define NET_POST_H

#include <stddef.h>

#include "status.h"

struct net_poster;

/* New; net_poster_free ends it. Call before other threads start. */
M2C_MUST_USE enum m2c_status net_poster_new(struct net_poster **out, struct m2c_error *err);

/* Accepts NULL, nulls the pointer. */
void net_poster_free(struct net_poster **poster);

struct net_field {
    const char *name, *value;
};

struct net_post {
    const char *url;       /* http or https; no proxy, no redirect */
    const char *file_name; /* name of the field that is a file */
    const char *file_path; /* read while it is sent */
    const char *file_type; /* its media type */
    const struct net_field *fields;
    size_t field_count;
    const char *bearer; /* a key for Authorization, or NULL */
    long timeout_ms;    /* of the whole exchange */
};

/* What came back; zeroed is empty. */
struct net_reply {
    long http_status;
    char *body; /* [size] with a NUL behind; never NULL after a reply */
    size_t size, capacity;
};

/* Posts and waits. Any HTTP status is M2C_OK. No reply in time, or one above 64 MiB:
 * M2C_FETCH_FAILED; a file that cannot be read: M2C_IO_FAILED. `reply` is new in any case: destroy
 * it. Blocks. */
M2C_MUST_USE enum m2c_status net_post_form(struct net_poster *poster, const struct net_post *post,
                                           struct net_reply *reply, struct m2c_error *err);
void net_reply_destroy(struct net_reply *reply);

#endif
