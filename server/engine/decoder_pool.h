/* Decoding behind one asynchronous call: bytes and a plan in, frames out, callbacks on the loop
 * thread.
 *
 * Served by threads here; child processes take their place behind the same call. `on_frames` comes
 * once for a plan without windows, `done` always and last.
 *
 * What waits has two lanes (lanes.h), and with two threads or more, one is for short work alone.
 * Nothing is begun while decoded frames that the encoder has not yet used take all the memory they
 * may: bytes are held from the beginning of a decoding until srv_decoder_return.
 */
#ifndef SRV_ENGINE_DECODER_POOL_H
#define SRV_ENGINE_DECODER_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/engine/lanes.h"
#include "server/engine/mailbox.h"
#include "server/engine/stats.h"
#include "status.h"
#include "video/video.h"

struct srv_decoder_pool;

/* One decoding, embedded in what asks for it; must stay until `done`. */
struct srv_decode {
    const unsigned char *bytes; /* lent until done */
    size_t size;
    enum srv_lane lane;
    double deadline_ms;          /* m2c_clock_ms: not begun after it; 0: none */
    struct m2c_decode_plan plan; /* its `cancelled` is the pool's own */
    void (*on_frames)(struct srv_decode *decode, struct m2c_clip_frames *frames); /* takes */
    void (*done)(struct srv_decode *decode, const struct m2c_error *err); /* err->status: outcome */

    /* Set before the callbacks. */
    double wait_ms, decode_ms;

    /* The pool's own. */
    struct srv_letter letter;
    struct srv_place place;
    atomic_bool cancelled;
    bool waiting; /* under the pool's lock */
    size_t held_bytes;
    double queued_ms;
    struct m2c_clip_frames frames;
    struct m2c_error err;
};

struct srv_decoder_options {
    int threads;           /* >= 1 */
    size_t max_held_bytes; /* of frames; one video of each lane may always be decoded */
    int nice;              /* by which decoding yields to the loop */
};

/* Starts the threads. New; srv_decoder_pool_free ends them. */
M2C_MUST_USE enum m2c_status srv_decoder_pool_new(struct srv_mailbox *mailbox,
                                                  const struct srv_decoder_options *options,
                                                  struct srv_decoder_pool **out,
                                                  struct m2c_error *err);

/* Queues a decoding; cannot fail. Loop thread. */
void srv_decoder_submit(struct srv_decoder_pool *pool, struct srv_decode *decode);

/* Nobody wants it any more: `done` comes at once where it waited, else at the next packet. Loop
 * thread, before done. */
void srv_decoder_cancel(struct srv_decoder_pool *pool, struct srv_decode *decode);

/* The frames of this decoding are destroyed, or there were none: their bytes are free for others.
 * Once, in or after `done`. Loop thread. */
void srv_decoder_return(struct srv_decoder_pool *pool, struct srv_decode *decode);

/* Fills the parts of it that are the pool's. Any thread. */
void srv_decoder_stats(struct srv_decoder_pool *pool, struct srv_engine_stats *out);

/* Joins the threads once nothing waits; what was submitted is in the mailbox then, and may still be
 * returned. Cancel first. Accepts NULL. Loop thread. */
void srv_decoder_pool_stop(struct srv_decoder_pool *pool);

/* Stops it where that has not been done. Accepts NULL, nulls the pointer. Loop thread. */
void srv_decoder_pool_free(struct srv_decoder_pool **pool);

#endif
