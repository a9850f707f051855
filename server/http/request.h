/* One HTTP request, as handlers see it.
 *
 * A handler runs on the loop thread once the body is complete. It either responds before it
 * returns, or defers: the connection is then suspended, and either srv_request_respond ends the
 * deferral, or `on_gone` tells that the client has left; after either the pointer is dead. A reply
 * of unknown length is a stream (stream.h).
 * Everything here belongs to the loop thread.
 */
#ifndef SRV_HTTP_REQUEST_H
#define SRV_HTTP_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "server/http/body.h"
#include "server/http/form.h"
#include "server/http/media_type.h"
#include "server/http/response.h"
#include "server/http/router.h"
#include "server/http/stream.h"
#include "server/observe/record.h"
#include "status.h"

struct srv_request;

/* Facts; strings are borrowed for the request's life. */
const char *srv_request_id(const struct srv_request *request);
const struct srv_route *srv_request_route(const struct srv_request *request);
const char *srv_request_path_parameter(const struct srv_request *request); /* NULL without one */
const char *srv_request_query(const struct srv_request *request);          /* raw, "" if none */

/* The first value of a header, or NULL; borrowed. */
const char *srv_request_header(const struct srv_request *request, const char *name);

/* All values of a header in their order, with ", " between; "" without one. False where they need
 * more than `size` bytes; `out` is then cut. */
bool srv_request_header_list(const struct srv_request *request, const char *name, char *out,
                             size_t size);

/* The other end of the connection, numerically ("127.0.0.1"); our end of it. */
const char *srv_request_peer_address(const struct srv_request *request);
enum srv_listener srv_request_listener(const struct srv_request *request);
bool srv_request_listens_on_loopback(const struct srv_request *request);

/* Who asks, as log and limits name them: the peer's address until it is set. At most
 * SRV_CLIENT_NAME_MAX characters are copied. */
void srv_request_set_client(struct srv_request *request, const char *name);
const char *srv_request_client(const struct srv_request *request);

/* The methods of this path ("GET, HEAD"), for a preflight route. */
const char *srv_request_allow(const struct srv_request *request);

/* A header that the reply will have, whatever it is: `name` is static storage, `value` is copied.
 * False when there are SRV_MAX_EXTRA_HEADERS already, or without memory. */
bool srv_request_add_header(struct srv_request *request, const char *name, const char *value);

/* The body: its form, its bytes (of a form: the part `video`; NULL where there is none) and the
 * fields of a form. */
enum srv_media_kind srv_request_media(const struct srv_request *request);
struct srv_body *srv_request_body(const struct srv_request *request);
const struct srv_form *srv_request_form(const struct srv_request *request);

/* From complete headers to the last body byte. */
double srv_request_receive_ms(const struct srv_request *request);

/* The moment of the last body byte on m2c_clock_ms: deadlines count from here. */
double srv_request_complete_ms(const struct srv_request *request);

/* What the log will say; the handler fills its stages. */
struct srv_record *srv_request_record(struct srv_request *request);

/* Something that the request holds until it is answered or gone: `release` is called once, then or
 * at the request's end at the latest, and told whether the answer was a success. One a request. */
void srv_request_set_reservation(struct srv_request *request, void *reservation,
                                 void (*release)(void *reservation, bool succeeded));
void *srv_request_reservation(const struct srv_request *request); /* NULL: none, or released */

/* Lets the handler return without a reply. `on_gone` is called at most once, and never after
 * srv_request_respond or srv_stream_end. */
void srv_request_defer(struct srv_request *request, void (*on_gone)(void *argument),
                       void *argument);

/* The reply; takes its bytes. Exactly once. */
void srv_request_respond(struct srv_request *request, struct srv_response *response);

/* The reply that an error makes, noted in the record. retry_after_ms -1: the record's. */
void srv_request_fail(struct srv_request *request, const struct m2c_error *error,
                      long long retry_after_ms);

#endif
