/* A timeline request from its labels to its last segment.
 *
 * Windows come from the engine one after the other; each is scored and voted on, and what is
 * settled goes out at once where the client takes a stream, else into one answer at the end. A
 * stream begins with the first window, so that whatever fails before has a status of its own.
 * Loop thread.
 */
#ifndef SRV_HANDLERS_TIMELINE_H
#define SRV_HANDLERS_TIMELINE_H

#include "server/handlers/exchange.h"

struct srv_timeline;

/* Begins to look at the exchange's one video; its labels, where it has any, are encoded. */
M2C_MUST_USE enum m2c_status srv_timeline_start(struct srv_exchange *exchange,
                                                struct m2c_error *err);

/* Ends the stream with one error event, and the request with it. False where no stream has begun:
 * the request is then still to be answered. */
bool srv_timeline_fail(struct srv_timeline *timeline, const struct m2c_error *err);

/* Whether its client takes a stream, begun or not. */
bool srv_timeline_streams(const struct srv_timeline *timeline);

/* The exchange is over: what runs is cancelled. Accepts NULL, nulls the pointer. */
void srv_timeline_release(struct srv_timeline **timeline);

#endif
