/* Decoding of long videos, window by window, on threads of their own: a film that waits for the
 * encoder never takes a decoder from a clip.
 *
 * Windows come to the loop thread in order, `done` always and last. No more than max_windows of a
 * film are decoded and not yet returned; until one is, the film's thread sleeps. Films wait for a
 * thread in the order in which they came.
 */
#ifndef SRV_ENGINE_FILM_DECODER_H
#define SRV_ENGINE_FILM_DECODER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "server/engine/lanes.h"
#include "server/engine/mailbox.h"
#include "status.h"
#include "video/windows.h"

struct srv_film_decoder;
struct srv_film;

/* One window with its frames; new, the receiver's. */
struct srv_film_window {
    struct m2c_window window;
    struct m2c_clip_frames frames;
    struct srv_film *film;
    struct srv_letter letter; /* the decoder's own */
};

/* One film, embedded in what asks for it; must stay until `done`. */
struct srv_film {
    const unsigned char *bytes; /* lent until done */
    size_t size;
    struct m2c_decode_plan plan; /* its `cancelled` is the decoder's own */
    double window_s, hop_s;
    int max_windows;
    double deadline_ms; /* m2c_clock_ms: not begun after it; 0: none */
    void (*on_window)(struct srv_film *film, struct srv_film_window *window); /* takes */
    void (*done)(struct srv_film *film, const struct m2c_error *err); /* err->status: outcome */

    /* Set when `done` is called. */
    double wait_ms, decode_ms;

    /* The decoder's own. */
    struct srv_film_decoder *decoder;
    struct srv_letter letter;
    struct srv_place place;
    atomic_bool cancelled;
    double queued_ms;
    bool waiting;   /* for a thread; under the lock */
    int unreturned; /* windows; under the lock */
    double idle_ms; /* its thread slept */
    struct m2c_error err;
};

/* Starts `threads` threads. New; srv_film_decoder_free ends them. */
M2C_MUST_USE enum m2c_status srv_film_decoder_new(struct srv_mailbox *mailbox, int threads,
                                                  int nice, struct srv_film_decoder **out,
                                                  struct m2c_error *err);

/* Queues a film; cannot fail. Loop thread. */
void srv_film_submit(struct srv_film_decoder *decoder, struct srv_film *film);

/* Frees the window; another may be decoded. Before or after its film's `done`; `decoder` is NULL
 * once its threads have ended. Loop thread. */
void srv_film_window_return(struct srv_film_decoder *decoder, struct srv_film_window *window);

/* Nobody wants it any more: `done` comes at once where it waited, else at the next packet. Loop
 * thread, before done. */
void srv_film_cancel(struct srv_film_decoder *decoder, struct srv_film *film);

/* Joins the threads; films must have been cancelled. What was submitted is in the mailbox then.
 * Accepts NULL, nulls the pointer. Loop thread. */
void srv_film_decoder_free(struct srv_film_decoder **decoder);

#endif
