/* Decoding behind one asynchronous call: bytes and a plan in, frames out, callbacks on the loop
 * thread.
 *
 * Served by threads here; child processes take their place behind the same call. `on_frames` comes
 * once for a plan without windows, `done` always and last.
 */
#ifndef SRV_ENGINE_DECODER_POOL_H
#define SRV_ENGINE_DECODER_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/engine/mailbox.h"
#include "status.h"
#include "video/video.h"

struct srv_decoder_pool;

/* One decoding, embedded in what asks for it; must stay until `done`. */
struct srv_decode {
    const unsigned char *bytes; /* lent until done */
    size_t size;
    struct m2c_decode_plan plan; /* its `cancelled` drops the work, also while it waits */
    void (*on_frames)(struct srv_decode *decode, struct m2c_clip_frames *frames); /* takes */
    void (*done)(struct srv_decode *decode, const struct m2c_error *err); /* err->status: outcome */
    double decode_ms; /* set before the callbacks */

    /* The pool's own. */
    struct srv_letter letter;
    struct m2c_clip_frames frames;
    struct m2c_error err;
};

/* Starts `threads` >= 1 threads. New; srv_decoder_pool_free ends them. */
M2C_MUST_USE enum m2c_status srv_decoder_pool_new(struct srv_mailbox *mailbox, int threads,
                                                  struct srv_decoder_pool **out,
                                                  struct m2c_error *err);

/* Queues a decoding; cannot fail. Loop thread. */
void srv_decoder_submit(struct srv_decoder_pool *pool, struct srv_decode *decode);

/* Joins the threads once the queue is empty; what was submitted is in the mailbox then. Cancel
 * first. Accepts NULL, nulls the pointer. Loop thread. */
void srv_decoder_pool_free(struct srv_decoder_pool **pool);

#endif
