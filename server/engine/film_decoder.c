#include "server/engine/film_decoder.h"

#include <stdlib.h>

#include "runtime/clock.h"
#include "runtime/cpu.h"
#include "server/container.h"
#include "server/engine/thread.h"
#include "server/engine/waiting.h"

struct srv_film_decoder {
    struct srv_mailbox *mailbox;
    int nice;
    struct srv_waiting waiting; /* the lock and who sleeps on it */
    struct srv_line line;       /* under the lock, as all below */
    bool stopping;
    int started;
    pthread_t threads[];
};

static struct srv_film *film_at(struct srv_place *place)
{
    return place ? SRV_CONTAINER(place, struct srv_film, place) : NULL;
}

static void deliver_window(struct srv_letter *letter)
{
    struct srv_film_window *window = SRV_CONTAINER(letter, struct srv_film_window, letter);
    window->film->on_window(window->film, window);
}

static void deliver_end(struct srv_letter *letter)
{
    struct srv_film *film = SRV_CONTAINER(letter, struct srv_film, letter);
    struct m2c_error err = film->err;
    film->done(film, &err);
}

/* Sleeps until the film may have one window more; false when nobody wants it. */
static bool wait_for_room(struct srv_film *film)
{
    struct srv_film_decoder *decoder = film->decoder;
    double started_ms = m2c_clock_ms();
    srv_waiting_lock(&decoder->waiting);
    while (film->unreturned >= film->max_windows &&
           !atomic_load_explicit(&film->cancelled, memory_order_relaxed))
        srv_waiting_sleep(&decoder->waiting);
    bool wanted = !atomic_load_explicit(&film->cancelled, memory_order_relaxed);
    film->unreturned += wanted;
    srv_waiting_unlock(&decoder->waiting);
    film->idle_ms += m2c_clock_ms() - started_ms;
    return wanted;
}

static bool on_window(void *context, const struct m2c_window *window,
                      struct m2c_clip_frames *frames)
{
    struct srv_film *film = context;
    if (!wait_for_room(film))
        return false;
    struct srv_film_window *decoded = calloc(1, sizeof *decoded);
    if (!decoded) {
        (void)m2c_fail_memory(&film->err, "a window", sizeof *decoded);
        return false;
    }
    *decoded = (struct srv_film_window){
        .window = *window, .frames = *frames, .film = film, .letter.deliver = deliver_window};
    *frames = (struct m2c_clip_frames){0};
    srv_mailbox_post(film->decoder->mailbox, &decoded->letter);
    return true;
}

static void run_film(struct srv_film *film)
{
    struct m2c_error err = {.status = M2C_OK};
    double started_ms = m2c_clock_ms();
    film->wait_ms = started_ms - film->queued_ms;
    if (film->deadline_ms > 0.0 && film->deadline_ms <= started_ms) {
        (void)m2c_fail(&film->err, M2C_DEADLINE, "the time has passed while it waited");
        return;
    }
    err.status = m2c_video_decode_windows(film->bytes, film->size, &film->plan, film->window_s,
                                          film->hop_s, on_window, film, &err);
    if (film->err.status == M2C_OK)
        film->err = err;
    film->decode_ms = m2c_clock_ms() - started_ms - film->idle_ms;
}

/* Waits for a film and takes it; NULL at the end. Under the lock. */
static struct srv_film *next_film(struct srv_film_decoder *decoder)
{
    for (;;) {
        struct srv_film *film = film_at(decoder->line.first);
        if (film) {
            srv_line_remove(&decoder->line, &film->place);
            film->waiting = false;
            return film;
        }
        if (decoder->stopping)
            return NULL;
        srv_waiting_sleep(&decoder->waiting);
    }
}

static void *run(void *argument)
{
    struct srv_film_decoder *decoder = argument;
    const struct m2c_placement placement = {.nice = decoder->nice};
    struct srv_film *film;
    m2c_cpu_place_thread(&placement);
    srv_waiting_lock(&decoder->waiting);
    while ((film = next_film(decoder)) != NULL) {
        srv_waiting_unlock(&decoder->waiting);
        run_film(film);
        srv_mailbox_post(decoder->mailbox, &film->letter);
        srv_waiting_lock(&decoder->waiting);
    }
    srv_waiting_unlock(&decoder->waiting);
    return NULL;
}

enum m2c_status srv_film_decoder_new(struct srv_mailbox *mailbox, int threads, int nice,
                                     struct srv_film_decoder **out, struct m2c_error *err)
{
    size_t size = sizeof(struct srv_film_decoder) + (size_t)threads * sizeof(pthread_t);
    struct srv_film_decoder *decoder = calloc(1, size);
    *out = NULL;
    if (!decoder)
        return m2c_fail_memory(err, "the film decoder", size);
    decoder->mailbox = mailbox;
    decoder->nice = nice;
    enum m2c_status status = srv_waiting_init(&decoder->waiting, err);
    if (status != M2C_OK) {
        free(decoder);
        return status;
    }
    for (int i = 0; i < threads && status == M2C_OK; i++) {
        status = srv_thread_start(&decoder->threads[i], "m2c-film", run, decoder, err);
        decoder->started += status == M2C_OK;
    }
    if (status != M2C_OK)
        srv_film_decoder_free(&decoder);
    *out = decoder;
    return status;
}

void srv_film_submit(struct srv_film_decoder *decoder, struct srv_film *film)
{
    film->decoder = decoder;
    film->letter.deliver = deliver_end;
    film->queued_ms = m2c_clock_ms();
    film->wait_ms = film->decode_ms = film->idle_ms = 0.0;
    film->unreturned = 0;
    film->err = (struct m2c_error){.status = M2C_OK};
    film->waiting = true;
    atomic_init(&film->cancelled, false);
    film->plan.cancelled = &film->cancelled;
    srv_waiting_lock(&decoder->waiting);
    srv_line_append(&decoder->line, &film->place);
    srv_waiting_wake_all(&decoder->waiting);
    srv_waiting_unlock(&decoder->waiting);
}

void srv_film_window_return(struct srv_film_decoder *decoder, struct srv_film_window *window)
{
    struct srv_film *film = window->film;
    m2c_clip_frames_destroy(&window->frames);
    free(window);
    if (!decoder)
        return;
    srv_waiting_lock(&decoder->waiting);
    film->unreturned--;
    srv_waiting_wake_all(&decoder->waiting);
    srv_waiting_unlock(&decoder->waiting);
}

void srv_film_cancel(struct srv_film_decoder *decoder, struct srv_film *film)
{
    atomic_store_explicit(&film->cancelled, true, memory_order_relaxed);
    srv_waiting_lock(&decoder->waiting);
    if (film->waiting) {
        srv_line_remove(&decoder->line, &film->place);
        film->waiting = false;
        film->wait_ms = m2c_clock_ms() - film->queued_ms;
        (void)m2c_fail(&film->err, M2C_CANCELLED, "nobody waits for this video");
        srv_mailbox_post(decoder->mailbox, &film->letter);
    }
    srv_waiting_wake_all(&decoder->waiting);
    srv_waiting_unlock(&decoder->waiting);
}

void srv_film_decoder_free(struct srv_film_decoder **decoder)
{
    struct srv_film_decoder *ending = *decoder;
    if (!ending)
        return;
    srv_waiting_lock(&ending->waiting);
    ending->stopping = true;
    srv_waiting_wake_all(&ending->waiting);
    srv_waiting_unlock(&ending->waiting);
    for (int i = 0; i < ending->started; i++)
        (void)pthread_join(ending->threads[i], NULL);
    srv_waiting_destroy(&ending->waiting);
    free(ending);
    *decoder = NULL;
}
